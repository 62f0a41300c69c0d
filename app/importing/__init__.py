"""Turns the configuration of other monitors into ours; pure: text in, `Imported` out."""
