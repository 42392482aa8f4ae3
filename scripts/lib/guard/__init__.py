"""What scripts/guard counts, and the bounds that it is held to."""
