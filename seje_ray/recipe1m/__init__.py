"""Recipes and photos: readers of every format, the filter, pixels."""
