"""Credentials: one file an authentication kind, and the Secret that never shows itself."""
