"""Tuning and comparison of settings, free of Ray: spaces, suggestions, records, statistics."""
