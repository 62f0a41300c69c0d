"""What another policy would have done: what was recorded, replayed through the code that runs live."""
