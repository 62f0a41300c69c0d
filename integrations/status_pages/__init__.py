"""Vendors' public status pages: one reader a format, each pure, tolerant and bounded."""
