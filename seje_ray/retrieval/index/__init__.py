"""The index of a collection: vectors of all its recipes and photos on disk, and search in it."""
