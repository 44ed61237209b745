"""``seje-ray ablate``: the rows of the paper's comparisons on any calibrated data, with seeds."""

import os
from dataclasses import dataclass
from pathlib import Path

from seje_ray.artifact import write_text
from seje_ray.config import RunConfig, with_settings
from seje_ray.features.model import require_features
from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.executor import RaySession
from seje_ray.on_ray.trial_resources import allot
from seje_ray.on_ray.trials import Conduct, run_jobs
from seje_ray.pipeline.variants import calibrated_variant
from seje_ray.report.ablation import AblationPage, as_markdown, write_ablation_report
from seje_ray.submission.cluster import EMBEDDED, Cluster
from seje_ray.tuning.ablation import Variation, variations
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trials import Job, write_trials_table
from seje_ray.workspace import Workspace

MEASURED = ("val", "test")


@dataclass(frozen=True, slots=True)
class Ablated:
    """What a finished comparison leaves."""

    folder: Path
    page: AblationPage


def ablate(
    run: RunConfig,
    workspace: Workspace,
    *,
    name: str,
    num_seeds: int,
    text_model: str | None = None,
    max_concurrent: int | None = None,
    cluster: Cluster = EMBEDDED,
) -> Ablated:
    """Train every row with every seed and measure val and test, as ``workspace/ablations/NAME``.

    The same name again goes on; a training whose settings or data have changed is done again.

    Args:
        run: The full model; its ``tune.settings`` hold for every row.
        workspace: Where the calibrated data lies; rows of other calibration settings get theirs
            below ``variants/``.
        name: Of the comparison.
        num_seeds: Trainings per row, with the seeds from the run's own on.
        text_model: What the row of the BERT rater rates with.
        max_concurrent: Trainings at once; None for one per GPU, or core.
        cluster: Where to compute.

    Raises:
        ArtifactError: If the data is not calibrated.
    """
    workspace.open_calibrated()
    folder = workspace.ablation(name)
    rows = variations(run, text_model)
    with connected(max_concurrent or os.cpu_count() or 1, cluster, workspace):
        jobs = [
            job for row in rows if row is rows[0] or not row.is_full(run)
            for job in _jobs(run, row, workspace, num_seeds)
        ]  # fmt: skip
        book = TrialBook.open(folder / "trials", run.tune.metric, run.tune.mode)
        allotted = allot(1, max_concurrent)
        run_jobs(book, jobs, Conduct(len(jobs), allotted, title="ablations"))
    trials = [book.trials[job.name] for job in jobs]
    recipes = workspace.open_recipes()
    page = AblationPage(
        name, run, rows, trials, is_made_up=bool(recipes.manifest.facts.get("is_made_up", False))
    )
    write_trials_table(folder / "trials.parquet", trials, run.tune.mode)
    write_text(folder / "ablation.md", as_markdown(page))
    write_ablation_report(folder / "ablation.html", page)
    return Ablated(folder, page)


def _jobs(run: RunConfig, row: Variation, workspace: Workspace, num_seeds: int) -> list[Job]:
    """The trainings of one row, once its data is there."""
    changed = row.applied(run)
    calibrated = calibrated_variant(changed, workspace, RaySession())
    trained = row.applied(with_settings(run, run.tune.settings))
    require_features(trained, calibrated)
    return [
        Job(
            f"{row.role}-s{seed}",
            with_settings(trained, {"seed": seed}),
            calibrated.folder,
            calibrated.content_hash,
            MEASURED,
            dict(row.settings),
        )
        for seed in range(run.seed, run.seed + num_seeds)
    ]
