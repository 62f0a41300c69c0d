"""The configuration file: its structure, its references to secrets, and what is checked before a start."""
