"""Phase II, the joint-embedding training, free of Ray."""
