"""Inbound webhooks: verified by schemes that manifests hold as data."""
