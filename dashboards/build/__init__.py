"""Generates the Grafana boards from the catalogue of metrics; the JSON beside it is committed."""
