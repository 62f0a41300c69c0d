"""Generates the Prometheus rules from the catalogue of metrics; the YAML in dashboards/rules is committed."""
