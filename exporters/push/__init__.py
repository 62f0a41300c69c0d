"""What all push exporters share: windows, the spool on disk, sending, and trials."""
