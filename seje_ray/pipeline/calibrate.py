"""Phase I as one job: ingest, fit, transform; each stage resumable."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click
import yaml

from seje_ray.artifact import Artifact, write_text
from seje_ray.audit.later import refused_later
from seje_ray.calibration.applied import little_applied
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.console.progress import Bars
from seje_ray.cookbook import write_cookbook
from seje_ray.features.dual_encoder import require_published_shape
from seje_ray.manifest import (
    manifest_in,
)
from seje_ray.pipeline.executor import Executor, Session
from seje_ray.pipeline.fit import finished_calibrator, fit
from seje_ray.pipeline.given_calibrator import require_same_calibration
from seje_ray.pipeline.ingest import finished_recipes, ingest
from seje_ray.pipeline.stored_data import bring_data
from seje_ray.pipeline.transform import finished_calibrated, transform
from seje_ray.recipe1m.notes import reading_lines
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.source import DataSource, open_source
from seje_ray.report.sentence_report import given_sentence_facts
from seje_ray.store.mirror import pull, push
from seje_ray.workspace import Workspace

STAGES = ("ingest", "fit", "transform")
FIT, TRANSFORM = 1, 2  # their places


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Result of a calibration; its text is what the command prints."""

    recipes: Artifact
    calibrator: Artifact | None
    calibrated: Artifact | None
    later: tuple[str, ...] = ()  # what a later command would refuse
    report: Path | None = None  # the page that shows what came out

    def __str__(self) -> str:
        facts = self.recipes.manifest.facts
        recognised = [f"read as {facts['recognition']}"] if "recognition" in facts else []
        lines = [_recipes_line(self.recipes), *recognised, *reading_lines(facts)]
        if (known := facts.get("missing_photos")) is not None:
            lines.append(f"missing photos: {known}")
        given = None
        if self.calibrator is not None:
            facts = self.calibrator.manifest.facts
            given = facts.get("given_sentences")
            lines.append(
                f"calibrator: {facts['num_words']:,} word vectors, {facts['num_categories']:,} "
                "categories with background"
            )
        if self.calibrated is not None:
            rows = self.calibrated.manifest.rows
            pairs = ", ".join(f"{rows.get(p, 0):,} {p}" for p in ("train", "val", "test"))
            lines.append(f"calibrated: {pairs} recipes with photos")
            counts = self.calibrated.manifest.facts["counts"]
            if self.calibrator is not None:
                lines += little_applied(self.calibrator.manifest.facts, counts)
            if given is not None:
                lines.append(f"sentence vectors: {given_sentence_facts(given, counts)}")
            lines.append(f"in {self.calibrated.folder}")
        lines += [f"later {line}" for line in self.later]
        if self.report is not None:
            lines.append(f"report: {self.report}")
        return "\n".join(lines)


def calibrate(
    run: RunConfig,
    data: Path | None,
    workspace: Workspace,
    executor: Executor,
    *,
    last_stage: str | None = None,
    num_workers: int | None = None,
) -> Calibrated:
    """Compute SEJE's features for a data set, or for the embedded cookbook where it is None.

    Args:
        run: The run.
        data: A Recipe1M folder, a file of own recipes, or None; in a store all of it is brought.
        workspace: Where artifacts lie.
        executor: Where to compute.
        last_stage: ingest, fit or transform; None for all.
        num_workers: Processes that train a network of the calibrator together; None for one per
            GPU, and one if there is none.

    Raises:
        ResourceError: If the cluster can never hold ``num_workers``, or not see the workspace.
        DataError: If the data cannot be read at all, or none is named in the workspace of a data
            set of the user's.
        ConfigError: If the run is to begin as a dual encoder of another shape.
    """
    require_same_calibration(run, workspace)
    last = STAGES.index(last_stage or "transform")
    if data is None:
        _require_no_real_data(workspace)
    with workspace.writing(workspace.calibrated) as held:
        return _calibrated(run, data, held, executor, last, num_workers)


def _calibrated(
    run: RunConfig,
    data: Path | None,
    workspace: Workspace,
    executor: Executor,
    last: int,
    num_workers: int | None,
) -> Calibrated:
    """Calibrate, as the one writer of the workspace's recipes, calibrator and features."""
    folder = bring_data(data) if data is not None else _cookbook(run, workspace)
    source = open_source(
        folder,
        removed=run.data.removed,
        columns=run.data.columns,
        separator=run.data.separator,
        allow_outside=run.data.allow_outside,
    )
    known = _finished(run, source, workspace, last, is_made_up=data is None)
    if known is None:
        if last == TRANSFORM:
            require_published_shape(run)
        with executor.session(num_workers or 1) as session:
            workers = session.num_training_workers(num_workers)
            known = _made(run, source, workspace, last, session, workers, is_made_up=data is None)
    known = replace(known, later=tuple(_later(run, known.recipes)))
    return known if known.calibrated is None else _reported(run, workspace, known)


def _finished(
    run: RunConfig, source: DataSource, workspace: Workspace, last: int, *, is_made_up: bool
) -> Calibrated | None:
    """The finished calibration, if it is all that is asked for: nothing is started then."""
    recipes = finished_recipes(run, source, workspace, is_made_up=is_made_up)
    if recipes is None or last < FIT:
        return None if recipes is None else Calibrated(recipes, None, None)
    calibrator = finished_calibrator(run, recipes, workspace)
    if calibrator is None or last < TRANSFORM:
        return None if calibrator is None else Calibrated(recipes, calibrator, None)
    calibrated = finished_calibrated(run, recipes, calibrator, workspace)
    return None if calibrated is None else Calibrated(recipes, calibrator, calibrated)


def _made(
    run: RunConfig,
    source: DataSource,
    workspace: Workspace,
    last: int,
    session: Session,
    num_workers: int,
    *,
    is_made_up: bool,
) -> Calibrated:
    """Run the stages up to ``last``; each returns what it has made before."""
    recipes = ingest(run, source, workspace, session, is_made_up=is_made_up)
    for line in _later(run, recipes):
        click.echo(f"note: later {line}", err=True)  # before hours of work
    if last < FIT:
        return Calibrated(recipes, None, None)
    calibrator = fit(run, recipes, workspace, session, num_workers)
    if last < TRANSFORM:
        return Calibrated(recipes, calibrator, None)
    calibrated = transform(run, recipes, calibrator, workspace, session)
    return Calibrated(recipes, calibrator, calibrated)


def _later(run: RunConfig, recipes: Artifact) -> list[str]:
    """What a later command would refuse of these recipes."""
    manifest = recipes.manifest
    return refused_later(
        manifest.facts["rows_with_image"],
        manifest.rows,
        global_batch_size=run.train.global_batch_size,
    )


def _reported(run: RunConfig, workspace: Workspace, made: Calibrated) -> Calibrated:
    """Keep the run beside the result, and write the report."""
    from seje_ray.report.calibration import CalibrationArtifacts, write_calibration_report

    assert made.calibrator is not None
    assert made.calibrated is not None
    pull(workspace.calibrator, keeps_own=True)
    # Later commands take their defaults from it; no part of the artifact's content.
    stored = yaml.safe_dump(run_to_dict(run), sort_keys=False)
    write_text(workspace.calibrated_run, stored)
    artifacts = CalibrationArtifacts(made.recipes, made.calibrator, made.calibrated)
    report = write_calibration_report(workspace.report("calibration"), run, artifacts)
    return replace(made, report=report)


def _require_no_real_data(workspace: Workspace) -> None:
    """The embedded cookbook never takes the place of a user's recipes by a forgotten option."""
    recipes = manifest_in(workspace.recipes)  # of any version
    if recipes is None or recipes.plan.kind != "recipes":
        return
    if not recipes.facts.get("is_made_up", False):
        raise DataError(
            f"{workspace}: expected --data PATH, since {sum(recipes.rows.values()):,} recipes of a "
            "data set are here; repeat it, or name another --workspace for the embedded cookbook"
        )


def _cookbook(run: RunConfig, workspace: Workspace) -> Path:
    """Write the embedded cookbook, or find the one that is there; layer1.json comes last."""
    num_recipes = run.data.cookbook_recipes
    click.echo(
        f"no --data: using the embedded cookbook, {num_recipes:,} made-up recipes with drawn "
        f"photos (seed {run.seed})",
        file=sys.stderr,
    )
    folder = workspace.cookbook(num_recipes, run.seed)
    if not (pull(folder, keeps_own=True) / "layer1.json").is_file():
        with Bars() as bars:
            write_cookbook(
                folder,
                num_recipes=num_recipes,
                seed=run.seed,
                num_processes=os.cpu_count() or 1,
                progress=bars.bar("drawing the cookbook", "recipes", num_recipes),
            )
    push(folder, "layer1.json")  # other machines read its photos
    return folder


def _recipes_line(recipes: Artifact) -> str:
    manifest = recipes.manifest
    with_image = sum(manifest.facts["rows_with_image"].values())
    text = f"recipes: {recipes.num_rows():,} read, {with_image:,} of them with a photo"
    if manifest.rejected:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in manifest.rejected.items())
        text += f"; rejected: {reasons} (see {recipes.folder / 'rejects.parquet'})"
    return text
