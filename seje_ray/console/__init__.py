"""What a person sees at a terminal: progress and live tables on stderr, text tables on stdout."""
