"""Kept copies: what lives in hot.duckdb alone, in files that a lost database is given back from."""
