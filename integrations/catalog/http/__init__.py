"""Any HTTP endpoint."""
