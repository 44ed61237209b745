"""The checkpoint folders of a run: written beside and renamed, so that one that exists is whole.

``files.json`` in each notes size and sha256 of its other files, so that one that a disk or a power
cut has damaged is told from a whole one.
"""

import json
import shutil
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from safetensors import SafetensorError, safe_open

from seje_ray.artifact import write_json
from seje_ray.durable import place, sync_tree
from seje_ray.integrity import Verify, first_fault, known_hashes
from seje_ray.lock import Lease
from seje_ray.store.mirror import drop, is_mirrored, pull, push, sizes_of

CHECKPOINTS = "checkpoint-*"  # their names
NOTED = "files.json"
ALWAYS = ("model.safetensors", "run.json")
NEEDED = (*ALWAYS, "discriminator.safetensors", "optimizers.pt", "progress.json")  # to resume


def checkpoint_name(num_epochs: int, step: int = 0) -> str:
    """Folder name after ``num_epochs`` epochs and ``step`` steps of the next; sorts by time."""
    name = f"checkpoint-{num_epochs:05d}"
    return f"{name}-{step:08d}" if step else name


def newest_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint of the run in ``folder``, brought from where it is stored; or None."""
    found = max(_checkpoints(folder), default=None)
    return None if found is None else pull(found)


def _checkpoints(folder: Path) -> list[Path]:
    """All checkpoints of a run; of one in a store, those that are finished there."""
    stored = sizes_of(folder)
    if stored is None:
        return sorted(folder.glob(CHECKPOINTS))
    tops = {name.removesuffix(f"/{NOTED}") for name in stored if name.endswith(f"/{NOTED}")}
    return sorted(folder / name for name in tops if fnmatch(name, CHECKPOINTS))


def begin_checkpoint(folder: Path, name: str) -> Path:
    """Make an empty folder beside where checkpoint ``name`` will be; one writer at a time.

    Leftovers of a killed writer are removed.
    """
    _remove_partial(folder)
    partial = folder / f".{name}.partial"
    partial.mkdir(parents=True)
    return partial


def _brought(folder: Path) -> list[Path]:
    """All checkpoints of a run, brought; those that its store has no more are gone here, too."""
    known = _checkpoints(folder)
    if is_mirrored(folder):
        for path in set(folder.glob(CHECKPOINTS)) - set(known):
            shutil.rmtree(path)
        for path in known:
            pull(path)
    return known


def commit_checkpoint(partial: Path, name: str, lease: Lease | None = None) -> Path:
    """Rename what ``begin_checkpoint`` gave; a checkpoint of this name is replaced.

    Raises:
        LockLostError: If another command has taken the training over.
    """
    target = partial.with_name(name)
    files = sorted(path for path in partial.iterdir() if path.name != NOTED)
    noted = {p.name: [p.stat().st_size, found] for p, found in known_hashes(files).items()}
    write_json(partial / NOTED, noted)
    sync_tree(partial)
    if lease is not None:
        lease.require()
    if target.exists():
        shutil.rmtree(target)
    drop(target)
    placed = place(partial, target)
    push(placed)
    return placed


def prune_checkpoints(folder: Path, kept: set[str]) -> None:
    """Remove all checkpoints but those named; each is whole until it is gone."""
    _remove_partial(folder)
    for path in _checkpoints(folder):
        if path.name not in kept:
            drop(path)
            if path.exists():  # another machine may have made it
                path.rename(folder / f".{path.name}.partial")
    _remove_partial(folder)


def keep_with_its_best(checkpoint: Path) -> None:
    """Remove all checkpoints of a training but this one, its newest, and the best before it.

    To go on a training needs the newest; to end, the best, which it also goes on from where a disk
    has damaged the newest.
    """
    prune_checkpoints(checkpoint.parent, {checkpoint.name, _best_before(checkpoint)})


def _remove_partial(folder: Path) -> None:
    """Remove what a killed process was writing or removing."""
    for left in folder.glob(".checkpoint-*.partial"):
        shutil.rmtree(left)


def checkpoint_fault(folder: Path, verify: Verify = "full") -> str | None:
    """What is wrong with a checkpoint, in words; None if it is as it was written.

    Of a version that noted nothing yet, only what can be seen: files that are missing or torn.
    """
    is_noted = (folder / NOTED).is_file()
    needed = ALWAYS if is_noted else NEEDED
    missing = next((name for name in needed if not (folder / name).is_file()), None)
    if missing is not None:
        return f"{folder / missing} is missing"
    if not is_noted:
        return next((fault for name in NEEDED if (fault := _torn(folder / name))), None)
    try:
        noted = json.loads((folder / NOTED).read_text(encoding="utf-8"))
        sizes = {str(name): int(size) for name, (size, _) in noted.items()}
        hashes = {str(name): str(found) for name, (_, found) in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return f"{folder / NOTED} cannot be read"
    return first_fault(folder, hashes, sizes, verify)


def _torn(path: Path) -> str | None:
    """Whether a file is cut short, as far as its own format says."""
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case ".safetensors":
                with safe_open(path, framework="pt"):
                    pass
            case _ if not zipfile.is_zipfile(path):
                return f"{path} is cut short"
    except (OSError, ValueError, SafetensorError) as error:
        return f"{path} cannot be read ({error})"
    return None


def set_aside_damaged(folder: Path, verify: Verify = "full") -> list[str]:
    """Take damaged checkpoints out of a training's way, so that it resumes from a whole one.

    They stay beside, as ``damaged-NAME``, in the place of one before of that name.

    Args:
        folder: Of the training.
        verify: How they are looked at.

    Returns:
        A line for a person about each.
    """
    lines = [
        f"{fault}; kept as {_aside(path).name}"
        for path in _brought(folder)
        if (fault := checkpoint_fault(path, verify)) is not None
    ]
    if not lines:
        return []
    while (left := newest_checkpoint(folder)) is not None and not _has_its_best(left):
        aside = _aside(left)
        lines.append(f"{left} needs a checkpoint that is gone; kept as {aside.name}")
    what = "begins anew, since no whole checkpoint is left"
    return [*lines, f"training {what if left is None else f'goes on from {left}'}"]


def _aside(path: Path) -> Path:
    """Rename a checkpoint so that nothing resumes from it."""
    aside = path.with_name(f"damaged-{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    drop(path)
    push(aside)
    return aside


def _has_its_best(checkpoint: Path) -> bool:
    """Whether the best checkpoint before this one, which the training may end with, is there."""
    best = _best_before(checkpoint)
    return best == checkpoint_name(0) or (checkpoint.parent / best).is_dir()


def _best_before(checkpoint: Path) -> str:
    """Name of the best checkpoint as this one knows it; that of epoch 0 where there is none yet."""
    progress = json.loads((checkpoint / "progress.json").read_text(encoding="utf-8"))
    return checkpoint_name(int(progress["best_epoch"]))
