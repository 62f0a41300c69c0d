"""Analytics: every signal as a row in DuckDB, and named questions to them. The sole owner of DuckDB."""
