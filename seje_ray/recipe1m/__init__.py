"""Recipes and photos: readers, filter, pixels, and the embedded cookbook."""
