"""Makes the parts of alerting, from a confirmed change to a delivered message, and joins them."""
