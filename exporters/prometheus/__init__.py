"""What Prometheus scrapes: the table, rendered in the form it asks for."""
