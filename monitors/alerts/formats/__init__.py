"""What receivers are sent: one module a pipeline, each a pure function of a notification."""
