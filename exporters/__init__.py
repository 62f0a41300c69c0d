"""Hands signals on: metrics, DuckDB."""
