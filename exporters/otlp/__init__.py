"""OpenTelemetry: metrics, spans and log lines, as opentelemetry-proto messages over HTTP."""
