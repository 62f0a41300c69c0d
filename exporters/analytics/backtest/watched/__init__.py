"""What was recorded, replayed for what is watched beside integrations: objectives and heartbeats."""
