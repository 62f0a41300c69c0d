"""Makes the calls: manifests, the executor, credentials and the catalogue of vendors."""
