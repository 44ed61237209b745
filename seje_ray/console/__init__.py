"""Output to a terminal: progress and live tables on stderr, text tables on stdout."""
