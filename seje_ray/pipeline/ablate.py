"""The rows of the paper's comparisons on any calibrated data, with seeds."""

import os
from dataclasses import dataclass
from pathlib import Path

from seje_ray.artifact import write_text
from seje_ray.config import RunConfig, with_settings
from seje_ray.config.names import required_name
from seje_ray.features.model import require_features
from seje_ray.pipeline.executor import Executor, Session
from seje_ray.pipeline.initial import hash_of_trials_start
from seje_ray.pipeline.trials import MEASURED, run_plans
from seje_ray.pipeline.variants import calibrated_variant
from seje_ray.report.ablation import AblationPage, as_markdown, write_ablation_report
from seje_ray.tuning.ablation import Variation, variations
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import write_trials_table
from seje_ray.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Ablated:
    """A finished comparison."""

    folder: Path
    page: AblationPage


def ablate(
    run: RunConfig,
    workspace: Workspace,
    executor: Executor,
    *,
    name: str,
    num_seeds: int,
    text_model: str | None = None,
    max_concurrent: int | None = None,
) -> Ablated:
    """Train every row with every seed and measure val and test, as the comparison ``name``.

    The same name again resumes; a training whose settings or data have changed is done again.

    Args:
        run: The full model; its ``tune.settings`` hold for every row.
        workspace: Where the calibrated data lies; rows of other calibration settings get theirs
            below ``variants/``.
        executor: Where to compute.
        name: Of the comparison.
        num_seeds: Trainings per row, with the seeds from the run's own on.
        text_model: What the row of the BERT rater rates with.
        max_concurrent: Trainings at once; None for one per GPU, or core.

    Raises:
        ArtifactError: If the data is not calibrated.
    """
    workspace.open_calibrated("train", *MEASURED)
    folder, config = workspace.ablation(required_name(name, "--name")), run.tune
    rows = variations(run, text_model)
    trained = [row for row in rows if row is rows[0] or not row.is_full(run)]
    num_workers = max_concurrent or os.cpu_count() or 1
    with workspace.writing(folder) as held, executor.session(num_workers) as session:
        plans = [plan for row in trained for plan in _plans(run, row, held, num_seeds, session)]
        book = TrialBook.open(held, folder / "trials", config.metric, config.mode)
        allotted = session.allot(1, max_concurrent)
        trials = run_plans(session, book, plans, allotted=allotted, title="ablations")
    facts = workspace.open_recipes().manifest.facts
    page = AblationPage(name, run, rows, trials, is_made_up=facts.get("is_made_up", False))
    write_trials_table(folder / "trials.parquet", trials, config.mode)
    write_text(folder / "ablation.md", as_markdown(page))
    write_ablation_report(folder / "ablation.html", page)
    return Ablated(folder, page)


def _plans(
    run: RunConfig, row: Variation, workspace: Workspace, num_seeds: int, session: Session
) -> list[TrialPlan]:
    """The trainings of one row, once its data is there."""
    calibrated = calibrated_variant(row.applied(run), workspace, session)
    trained = row.applied(with_settings(run, run.tune.settings))
    require_features(trained, calibrated)
    initial_hash = hash_of_trials_start(trained, workspace)
    return [
        TrialPlan.of(
            f"{row.role}-s{seed}",
            with_settings(trained, {"seed": seed}),
            calibrated,
            workspace,
            MEASURED,
            dict(row.settings),
            initial_hash,
        )
        for seed in range(run.seed, run.seed + num_seeds)
    ]
