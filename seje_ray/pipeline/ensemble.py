"""Finished trainings side by side, as a run of its own: ``runs/NAME``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from seje_ray.artifact import write_json
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.config.changes import changed_settings, decisive_settings
from seje_ray.config.evaluate import HubnessConfig
from seje_ray.config.names import required_name
from seje_ray.errors import ArtifactError
from seje_ray.features.checkpoint import Origin, read_origin
from seje_ray.integrity import file_hash
from seje_ray.lock import Lease
from seje_ray.pipeline.embed import embed_partition
from seje_ray.pipeline.executor import Executor
from seje_ray.pipeline.runs import TrainedRun, ensemble_of, open_run
from seje_ray.retrieval.embeddings import load_embeddings
from seje_ray.store.mirror import sizes_of
from seje_ray.training.checkpoints import (
    begin_checkpoint,
    checkpoint_fault,
    checkpoint_name,
    commit_checkpoint,
)
from seje_ray.training.run_manifest import RunManifest, is_finished
from seje_ray.training.validation import ValEmbeddings, retrieval_metrics
from seje_ray.workspace import Workspace

SHAPE = ("model", "loss")  # sections of a run that say what kind of model it has
WEIGHTS = "model.safetensors"


def make_ensemble(
    names: Sequence[str], workspace: Workspace, executor: Executor, *, name: str
) -> TrainedRun:
    """Put finished trainings side by side, and measure them together on val.

    What was made of the same trainings before is given back at once.

    Args:
        names: Of the trainings, two or more.
        workspace: Where they lie, and their ensemble will.
        executor: Where the val pairs are embedded.
        name: Of the ensemble.

    Raises:
        ConfigError: If one of the names can be none.
        ArtifactError: If they are not of the same data, one is no finished training or an ensemble
            itself, or the name belongs to another run.
        WorkspaceError: If another command writes it.
    """
    members = _members(names, workspace)
    run, origin = read_origin(members[0].best_checkpoint)
    for other in members[1:]:
        _require_same_data(members[0], other)
    kinds = _kinds(members)
    hashes = {one.folder.name: file_hash(one.best_checkpoint / WEIGHTS) for one in members}
    folder = workspace.run(required_name(name, "--run"))
    with workspace.writing(folder) as held:
        _require_free(folder, hashes)
        known = folder / checkpoint_name(1)
        if is_finished(folder) and checkpoint_fault(known, workspace.verify) is None:
            return TrainedRun.read(folder)
        own = replace(origin, members=hashes)
        if len(kinds) > 1:
            own = replace(own, kinds=[_as_stored(kind, hashes) for kind in kinds])
        checkpoint = _write(folder, kinds, run, own, held.lease)
        together = TrainedRun(folder, checkpoint, 1, {})
        metrics = _val_metrics(together, workspace, executor, run)
        RunManifest(
            best_checkpoint=checkpoint.name,
            best_epoch=1,
            num_epochs=1,
            stopped_early=False,
            metrics=metrics,
            calibrated=own.calibrated_hash,
            vocabulary_hash=own.vocabulary_hash,
            members=hashes,
        ).write(folder)
    return TrainedRun.read(folder)


def _members(names: Sequence[str], workspace: Workspace) -> list[TrainedRun]:
    if len(set(names)) < len(names) or len(names) < 2:
        raise ArtifactError(
            f"expected two or more different trainings, found {', '.join(names) or 'none'}; train "
            "them with seeds of their own: `seje-ray train --run NAME --set seed=1`"
        )
    known = sorted(required_name(name, "TRAINING") for name in names)  # as JSON has them
    members = [open_run(workspace, name) for name in known]
    for member in members:
        if member.members:
            inner = ", ".join(member.members)
            raise ArtifactError(
                f"{member.folder}: an ensemble itself, of {inner}; name its members instead"
            )
    return members


def _require_same_data(first: TrainedRun, other: TrainedRun) -> None:
    (_, origin), (_, theirs) = (read_origin(one.best_checkpoint) for one in (first, other))
    if theirs.calibrated_hash != origin.calibrated_hash:
        raise ArtifactError(
            f"{other.folder}: trained on other calibrated recipes than {first.folder.name} "
            f"({theirs.calibrated_hash[:12]}, not {origin.calibrated_hash[:12]}); an ensemble "
            "is of trainings of the same data"
        )


def _kinds(members: Sequence[TrainedRun]) -> list[list[TrainedRun]]:
    """Members whose models read and see the same, together."""
    kinds: list[list[TrainedRun]] = []
    for member in members:
        own = next((kind for kind in kinds if _are_of_a_kind(kind[0], member)), None)
        if own is None:
            kinds.append([member])
        else:
            own.append(member)
    return kinds


def _are_of_a_kind(one: TrainedRun, other: TrainedRun) -> bool:
    """Whether two trainings differ in ``seed`` and ``train`` alone."""
    (run, origin), (their_run, theirs) = (read_origin(x.best_checkpoint) for x in (one, other))
    return not changed_settings(
        decisive_settings(run, SHAPE), decisive_settings(their_run, SHAPE)
    ) and (theirs.photos, theirs.network) == (origin.photos, origin.network)


def _as_stored(kind: Sequence[TrainedRun], hashes: Mapping[str, str]) -> dict[str, Any]:
    """One of several models of an ensemble, as ``Origin.kinds`` has it."""
    run, origin = read_origin(kind[0].best_checkpoint)
    members = {one.folder.name: hashes[one.folder.name] for one in kind} if len(kind) > 1 else {}
    own = {"photos": origin.photos, "network": origin.network, "members": members}
    return {"run": run_to_dict(run), "origin": own}


def _require_free(folder: Path, hashes: Mapping[str, str]) -> None:
    """Refuse the name of a training, and that of an ensemble of others."""
    found = ensemble_of(folder)
    stored = sizes_of(folder)
    # What a kill left of a checkpoint begins with a dot, and is no one's.
    is_taken = any(folder.glob("[!.]*")) if stored is None else bool(stored)
    if found is None and is_taken:
        raise ArtifactError(f"{folder}: something of that name is there; choose another --run")
    if found is not None and found != hashes:
        raise ArtifactError(
            f"{folder}: an ensemble of {', '.join(found)}, or of other weights of them, is there; "
            "choose another --run, or delete it"
        )


def _write(
    folder: Path,
    kinds: Sequence[Sequence[TrainedRun]],
    run: RunConfig,
    origin: Origin,
    lease: Lease | None,
) -> Path:
    """Write the checkpoint of an ensemble: the weights of all members, and what they share."""
    name = checkpoint_name(1)
    building = begin_checkpoint(folder, name)
    state: dict[str, Tensor] = {}
    for number, kind in enumerate(kinds):
        prefix = f"kinds.{number}." if len(kinds) > 1 else ""
        for place, member in enumerate(kind):
            own = f"{prefix}members.{place}." if len(kind) > 1 else prefix
            weights = load_file(member.best_checkpoint / WEIGHTS)
            state |= {f"{own}{key}": value for key, value in weights.items()}
    save_file(state, building / WEIGHTS)
    write_json(building / "run.json", {"run": run_to_dict(run), "origin": asdict(origin)})
    return commit_checkpoint(building, name, lease)


def _val_metrics(
    together: TrainedRun, workspace: Workspace, executor: Executor, run: RunConfig
) -> dict[str, float]:
    """What a training notes of its best epoch; of photos seen as an evaluation sees them."""
    plain = HubnessConfig(weight=0.0)
    embedded = embed_partition(together, workspace, executor, "val", plain)
    found = load_embeddings(embedded.shards("val"))
    first = slice(run.train.max_val_pairs)
    images, recipes = found.image_embeddings[first], found.recipe_embeddings[first]
    pairs = ValEmbeddings(torch.from_numpy(images), torch.from_numpy(recipes))
    return {f"val/{key}": value for key, value in retrieval_metrics(pairs, run.seed).items()}
