"""Sealed days: rows older than yesterday, in Parquet files that a table's view joins with the hot rows."""
