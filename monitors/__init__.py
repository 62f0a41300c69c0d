"""Keeps watching: schedules checks and judges health."""
