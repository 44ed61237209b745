"""Streams that stand for a terminal and for a file, and a clock that is set by hand."""

import io


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Clock:
    """Seconds that pass when told."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds
