"""Rollups: hours and days, counted once they are over; and what the configuration said when."""
