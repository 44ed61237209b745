"""Formats of files that hold own recipes: one table of them, and a reader for each."""
