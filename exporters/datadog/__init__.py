"""Datadog: metrics, service checks and events, to its intakes or to an Agent."""
