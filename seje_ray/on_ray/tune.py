"""Many trainings under Ray Tune, kept so that a killed tuning resumes where it was.

Tune runs trials and schedulers. What is known of them lies in a folder per trial and not in
Tune's own snapshots, which come every ten seconds and know neither what a scheduler has decided
nor what a searcher would suggest: each session is a fresh Tuner that is told of the trials that
ended, and given those to finish first.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray import cloudpickle, tune
from ray.exceptions import RayActorError
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining, TrialScheduler
from ray.tune.search import ConcurrencyLimiter, Searcher

from seje_ray.errors import SejeError, WorkspaceError
from seje_ray.log import event
from seje_ray.on_ray.connect import user_error
from seje_ray.on_ray.trial_schedulers import scheduler_of
from seje_ray.on_ray.trial_worker import recorded_failure, train_as_driver, train_in_trial
from seje_ray.store.location import place_of
from seje_ray.store.mirror import remove
from seje_ray.store.objects import objects_of
from seje_ray.training.history import read_history
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.tuning.trial_table import TrialTable
from seje_ray.tuning.trials import ENDED, Trial, read_failure, read_measured

MAX_STARTS = 3  # of a trial whose process dies, as its node does, in one command


def run_trials(
    book: TrialBook,
    next_plan: NextPlan,
    *,
    total: int,
    allotted: Allotment,
    title: str,
    scheduling: Scheduling | None = None,
) -> None:
    """Run trials as ``Session`` says; one whose process dies goes on when the others have ended."""
    # Tune prints tracebacks of trials; what a person wants of them stands in the table.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    num_ended = len(book.trials) - len(book.unfinished())
    with TrialTable(title, total, book.mode, before=num_ended) as table:
        for starts_left in reversed(range(MAX_STARTS)):
            if not _lost_of_session(
                book, next_plan, table, total, allotted, scheduling, starts_left=starts_left
            ):
                return


def _lost_of_session(
    book: TrialBook,
    next_plan: NextPlan,
    table: TrialTable,
    total: int,
    allotted: Allotment,
    scheduling: Scheduling | None,
    *,
    starts_left: int,
) -> list[str]:
    """Run all trials that have not ended; return those whose process died, to be run again."""
    ended = [trial for trial in book.trials.values() if trial.state in ENDED]
    hands_over = scheduling is not None and scheduling.hands_over
    scheduler = scheduler_of(scheduling)
    feed = _Feed(book, next_plan)
    keeper = _Keeper(book, table, feed, hands_over=hands_over, starts_left=starts_left)
    session = book.folder / ".ray"
    remove(session)
    given = _given_at_once(book, next_plan) if _is_pbt(scheduler) else None
    tuner = tune.Tuner(
        _trainable(book, allotted, hands_over=hands_over),
        param_space=given,
        tune_config=tune.TuneConfig(
            search_alg=None if given else ConcurrencyLimiter(feed, allotted.concurrent),
            max_concurrent_trials=allotted.concurrent if given else None,
            scheduler=_told(scheduler, ended, book),
            num_samples=1 if given else total - len(ended),
            # A process that has loaded torch trains one trial after another.
            reuse_actors=allotted.num_workers == 1,
            trial_dirname_creator=lambda trial: trial.config["trial"]["name"],
        ),
        run_config=tune.RunConfig(
            name="session",
            **_storage(session, is_read_by_trials=hands_over),
            verbose=0,
            callbacks=[keeper],
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )
    tuner.fit()
    remove(session)
    if feed.error is not None:
        raise feed.error
    return keeper.lost


def _storage(session: Path, *, is_read_by_trials: bool) -> dict[str, Any]:
    """Where Tune keeps a session: a folder of the driver, or the store where trials read there."""
    place = place_of(session)
    if place is None or not is_read_by_trials:
        return {"storage_path": str(session)}
    files, path = objects_of(place.uri).at(place.key)
    return {"storage_path": path, "storage_filesystem": files}


def _trainable(book: TrialBook, allotted: Allotment, *, hands_over: bool) -> Any:
    """Tune's function of a trial, with what it takes of the cluster."""
    workspace, trials, metric = book.workspace, book.folder, book.metric

    def in_own_process(config: dict[str, Any]) -> None:
        folder = trials / Path(tune.get_context().get_trial_dir()).name
        with recorded_failure(folder):
            train_in_trial(
                folder,
                workspace,
                config["trial"]["values"],
                metric,
                num_threads=allotted.num_threads,
                hands_over=hands_over,
            )

    def as_driver(config: dict[str, Any]) -> None:
        folder = trials / Path(tune.get_context().get_trial_dir()).name
        with recorded_failure(folder):
            train_as_driver(folder, workspace, metric, allotted.num_workers)

    function = in_own_process if allotted.num_workers == 1 else as_driver
    return tune.with_resources(function, allotted.per_trial)


def _told(scheduler: TrialScheduler, ended: Sequence[Trial], book: TrialBook) -> TrialScheduler:
    """ASHA, once it has seen what the trials that ended had reported; others keep no results."""
    if isinstance(scheduler, ASHAScheduler):
        for trial in ended:
            stand_in: Any = SimpleNamespace(trial_id=f"ended-{trial.name}")
            scheduler.on_trial_add(None, stand_in)
            for epoch, score in enumerate(trial.scores, 1):
                scheduler.on_trial_result(None, stand_in, {"epoch": epoch, book.metric: score})
    return scheduler


def _is_pbt(scheduler: TrialScheduler) -> bool:
    return isinstance(scheduler, PopulationBasedTraining)


def _given_at_once(book: TrialBook, next_plan: NextPlan) -> dict[str, Any]:
    """All trials of a population as Tune's grid: PBT refuses to run beside a searcher."""
    while (plan := next_plan(book)) is not None:
        book.begin(plan)
    configs = [_config(book, name)["trial"] for name in book.unfinished()]
    return {"trial": tune.grid_search(configs)}


def _config(book: TrialBook, name: str) -> dict[str, Any]:
    """Configuration that Tune hands to a trial; PBT may give it another's, changed."""
    return {"trial": {"name": name, "values": dict(book.trials[name].values)}}


class _Feed(Searcher):  # type: ignore[misc]  # Ray is untyped here
    """Tune's searcher: trials to finish first, then what ``next_plan`` gives, until an error."""

    def __init__(self, book: TrialBook, next_plan: NextPlan) -> None:
        super().__init__(metric=book.metric, mode=book.mode)
        self._book, self._next_plan = book, next_plan
        self._pending = book.unfinished()
        self.error: SejeError | None = None  # for after Tune

    def suggest(self, trial_id: str) -> Any:
        """Begin the next trial, or say that there is none."""
        if self.error is not None:
            return Searcher.FINISHED
        if self._pending:
            name = self._pending.pop(0)
        else:
            try:
                plan = self._next_plan(self._book)
            except SejeError as error:
                self.error = error
                plan = None
            if plan is None:
                return Searcher.FINISHED
            self._book.begin(plan)
            name = plan.name
        return _config(self._book, name)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the book knows."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the book is on disk."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a session is never restored."""


class _Keeper(tune.Callback):  # type: ignore[misc]  # Ray is untyped here
    """Writes what Tune tells of each trial into the book, and shows it."""

    def __init__(
        self,
        book: TrialBook,
        table: TrialTable,
        feed: _Feed,
        *,
        hands_over: bool,
        starts_left: int,
    ) -> None:
        self._book, self._table, self._feed, self._hands_over = book, table, feed, hands_over
        self._starts_left = starts_left
        self.lost: list[str] = []  # trials whose process died, and that have starts left
        self._began = time.monotonic() - book.elapsed_s
        self._started: dict[str, float] = {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that it runs."""
        name = _name(trial)
        self._started[name] = time.monotonic()
        self._change(name, state="running", scores=())

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Note an epoch; those of an earlier session are reported again."""
        name, book = _name(trial), self._book
        if "epoch" not in result or book.metric not in result:
            return
        done, scores = int(result["epoch"]) - 1, book.trials[name].scores
        if self._hands_over:  # it may have continued from another trial's checkpoint
            scores = tuple(e[book.metric] for e in read_history(book.folder / name))
        self._change(
            name,
            scores=(*scores[:done], float(result[book.metric])),
            values=dict(trial.config["trial"]["values"]),
        )

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Commit: at its own end, or stopped by the scheduler."""
        name = _name(trial)
        measured = read_measured(self._book.folder / name)
        state = "stopped" if measured is None else "done"
        self._end(name, state=state, measured=measured or {})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Commit the reason, where it lies in the trial; another time the place may serve."""
        name, error = _name(trial), _error_of(trial)
        event("trial failed", trial=name, error=error)
        told = user_error(error) if error is not None else None
        if isinstance(told, WorkspaceError):
            self._feed.error = self._feed.error or told
        elif isinstance(error, RayActorError) and self._starts_left:
            self.lost.append(name)
            self._change(name, state="waiting")
            self._table.note(f"{name}: its process died; it goes on when the others have ended")
        else:
            self._end(name, state="failed", reason=_reason(self._book, trial))

    def _change(self, name: str, **known: Any) -> None:
        self._book.trials[name] = replace(self._book.trials[name], **known)
        self._table.show(list(self._book.trials.values()))

    def _end(self, name: str, **known: Any) -> None:
        now = time.monotonic()
        seconds = now - self._started.get(name, now)
        before = self._book.trials[name].seconds
        self._book.end(name, seconds=before + seconds, ended_s=now - self._began, **known)
        self._table.show(list(self._book.trials.values()))


def _name(trial: Any) -> str:
    """Of its folder, as it was given one: PBT copies configurations from trial to trial."""
    return Path(trial.local_path).name


def _error_of(trial: Any) -> Any:
    """What ended it, as Ray has it; None where it has nothing."""
    path = Path(trial.pickled_error_file or "")  # where Tune has put it, in this very process
    return cloudpickle.loads(path.read_bytes()) if path.is_file() else None


def _reason(book: TrialBook, trial: Any) -> str:
    """A trial's error in one line, for a person."""
    said = read_failure(book.folder / _name(trial))
    if said is not None:
        return said
    path = Path(trial.error_file or "")  # its process did not come to say anything
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return f"its process died: {lines[1]}" if len(lines) > 1 else "its process died"
