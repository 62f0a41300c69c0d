"""Prints docs/metrics.md."""

import sys

from exporters.catalogue.manual import document

sys.stdout.write(document())
