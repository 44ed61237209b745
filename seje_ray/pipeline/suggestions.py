"""The trials of a tuning: suggested points as plans, each with the data that its settings need."""

from collections.abc import Callable
from itertools import product

from seje_ray.artifact import Artifact
from seje_ray.config import RECALIBRATED, RunConfig, with_settings
from seje_ray.errors import ConfigError
from seje_ray.pipeline.executor import Session
from seje_ray.pipeline.variants import calibrated_variant
from seje_ray.tuning.space import Space, setting
from seje_ray.tuning.suggest import num_points, suggest
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.workspace import Workspace

DataOf = Callable[[RunConfig], Artifact]  # the calibrated data of a run


def suggestions(run: RunConfig, space: Space, workspace: Workspace, data: DataOf) -> NextPlan:
    """The next trial as a function of the book: the same after a kill as without."""
    total = num_points(run, space)

    def next_plan(book: TrialBook) -> TrialPlan | None:
        while len(book.trials) < total:
            number = len(book.trials)
            values = suggest(run, space, number, list(book.trials.values()))
            if values is None:
                return None
            name = f"{number:04d}"
            try:
                changed = with_settings(run, values)
            except ConfigError as error:  # each value alone would do, these together do not
                book.begin(TrialPlan.of(name, run, data(run), workspace, values=values))
                book.end(name, state="failed", reason=str(error), ended_s=book.elapsed_s)
            else:
                return TrialPlan.of(name, changed, data(changed), workspace, values=values)
        return None

    return next_plan


def data_of(run: RunConfig, space: Space, workspace: Workspace, session: Session) -> DataOf:
    """Calibrate for every value that a space takes of calibration; the workspace's own if none."""
    keys = [key for key in space if key in RECALIBRATED]
    if not keys:
        own = workspace.open_calibrated()
        return lambda _: own
    points = set(product(*(space[key].choice or () for key in keys)))
    points.add(tuple(setting(run, key) for key in keys))
    found = {}
    for point in sorted(points):
        changed = with_settings(run, dict(zip(keys, point, strict=True)))
        found[point] = calibrated_variant(changed, workspace, session)
    return lambda changed: found[tuple(setting(changed, key) for key in keys)]
