"""New Relic: metrics and events."""
