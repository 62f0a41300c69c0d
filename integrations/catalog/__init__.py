"""The vendors: a folder each, with manifest.yaml, contract.lock and README.md; found by their folder."""
