"""The checkpoint folders of a run: written beside and renamed, so that one that exists is whole."""

import shutil
from pathlib import Path

from seje_ray.lock import Lease


def checkpoint_name(num_epochs: int, step: int = 0) -> str:
    """Folder name after ``num_epochs`` epochs and ``step`` steps of the next; sorts by time."""
    name = f"checkpoint-{num_epochs:05d}"
    return f"{name}-{step:08d}" if step else name


def newest_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint of the run in ``folder``, or None."""
    return max(folder.glob("checkpoint-*"), default=None)


def begin_checkpoint(folder: Path, name: str) -> Path:
    """Make an empty folder beside where checkpoint ``name`` will be; one writer at a time.

    Leftovers of a killed writer are removed.
    """
    for left in folder.glob(".checkpoint-*.partial"):
        shutil.rmtree(left)
    partial = folder / f".{name}.partial"
    partial.mkdir(parents=True)
    return partial


def commit_checkpoint(partial: Path, name: str, lease: Lease | None = None) -> Path:
    """Rename what ``begin_checkpoint`` gave; a checkpoint of this name is replaced.

    Raises:
        LockLostError: If another command has taken the training over.
    """
    target = partial.with_name(name)
    if lease is not None:
        lease.require()
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    return target


def prune_checkpoints(folder: Path, kept: set[str]) -> None:
    """Remove all checkpoints but those named."""
    for path in folder.glob("checkpoint-*"):
        if path.name not in kept:
            shutil.rmtree(path)
