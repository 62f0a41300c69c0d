"""The executor: the only path for HTTP to a third party."""
