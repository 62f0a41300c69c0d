"""What other rules of alerting would have made of what was recorded."""
