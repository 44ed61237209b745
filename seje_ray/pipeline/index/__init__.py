"""Making, extending and searching the index of a workspace by one training."""
