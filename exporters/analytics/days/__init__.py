"""Rows as other programs take them: a Parquet file for each table and UTC day."""
