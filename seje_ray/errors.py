"""Errors a user can act on; everything else is a bug and keeps its traceback."""


class SejeError(Exception):
    """Base of the errors that the CLI prints as one ``Error:`` line."""


class ConfigError(SejeError):
    """A run file does not describe a valid run."""


class ArtifactError(SejeError):
    """An artifact on disk is missing, unfinished, or of another schema or vocabulary."""


class DivergedError(SejeError):
    """A number of a training is no longer finite; says which and where."""


class ResourceError(SejeError):
    """The machine or cluster can never give what a command asks for."""


class WorkspaceError(SejeError):
    """A location cannot hold a workspace; says why."""


class StoreError(WorkspaceError):
    """An object store refuses something, or does not answer."""


class OutageError(StoreError):
    """An object store does not answer; it may, later."""


class LockLostError(WorkspaceError):
    """Another command has taken over what this one was writing."""


def first_line(error: BaseException) -> str:
    """First line of an error's text, or its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
