"""The HTTP API: one file a resource, thin handlers, documented by OpenAPI."""
