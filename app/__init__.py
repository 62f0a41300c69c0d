"""Puts the parts together and talks to clients."""
