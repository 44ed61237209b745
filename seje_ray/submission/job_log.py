"""The log of a job as its client shows it; loads no Ray."""

import re

import click

from seje_ray.submission.stdout_mark import MARK

RAY_TALK = re.compile("Running entrypoint for job|Runtime env is setting up")
NUM_TALK_LINES = 5  # at the start of a log, that may be Ray's own


class LogView:
    """Prints the log of a job: its results on stdout, everything else on stderr.

    A log that is read again from its start, after a lost connection, is shown on from where it was.
    """

    def __init__(self) -> None:
        self._num_shown = 0  # lines
        self._num_read = 0
        self._rest = ""  # a line whose end is still to come

    def begin(self) -> None:
        """Start reading from the first line."""
        self._num_read, self._rest = 0, ""

    def show(self, text: str) -> None:
        """Print the lines that ``text`` completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._num_read += 1
            if self._num_read <= NUM_TALK_LINES and RAY_TALK.search(line):
                continue
            if self._num_read > self._num_shown:
                self._print(line)
                self._num_shown = self._num_read

    def close(self) -> None:
        """Print a last line without an end."""
        if self._rest and self._num_read >= self._num_shown:
            self._print(self._rest)

    def _print(self, line: str) -> None:
        is_result = line.startswith(MARK)
        click.echo(line.removeprefix(MARK), err=not is_result)
