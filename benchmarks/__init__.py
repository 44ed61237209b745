"""Measurements of quality and speed, run by hand; each prints its table."""
