"""The networks, by plain parameters."""
