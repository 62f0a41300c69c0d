"""What the `dialtone` command does, one file a subject."""
