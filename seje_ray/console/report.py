"""Callbacks by which a long piece of work reports progress; loads no library that draws."""

from typing import Protocol


class Report(Protocol):
    """Called from time to time with the progress of a piece of work."""

    def __call__(self, done: int, total: int | None = None, text: str = "") -> None:
        """Report that ``done`` of ``total`` units are finished, and a status.

        Args:
            done: Units finished.
            total: Units in all; None if that is not known, or has been said.
            text: A short status, such as the loss.
        """
        ...


class NamedReport(Protocol):
    """Gives the ``Report`` of one part of the work."""

    def __call__(self, name: str, unit: str, total: int | None = None, done: int = 0) -> Report:
        """Begin the part ``name``, of which ``done`` of ``total`` units were finished before."""
        ...


def silent(name: str, unit: str, total: int | None = None, done: int = 0) -> Report:
    """A ``NamedReport`` that does nothing."""
    return _ignore


def _ignore(done: int, total: int | None = None, text: str = "") -> None:
    """Do nothing."""
