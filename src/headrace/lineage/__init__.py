"""What depends on what, what decides an asset's content, and what therefore has to be built."""
