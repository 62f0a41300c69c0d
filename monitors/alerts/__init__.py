"""Alerts: from a confirmed change to one message that reaches the right person, once."""
