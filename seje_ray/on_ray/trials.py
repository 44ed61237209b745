"""Many trainings under Ray Tune, kept so that a killed search goes on where it was.

Tune runs trials and schedulers. What is known of them lies in a folder per trial and not in
Tune's own snapshots, which come every ten seconds and know neither what a scheduler has decided
nor what a searcher would suggest: each session is a fresh Tuner that is told of the trials that
ended, and given those to finish first.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray import tune
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)
from ray.tune.search import ConcurrencyLimiter, Searcher

from seje_ray.errors import SejeError
from seje_ray.on_ray.trial_resources import Allotment
from seje_ray.on_ray.trial_worker import recorded_failure, train_as_driver, train_in_trial
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_table import TrialTable
from seje_ray.tuning.trials import (
    ENDED,
    Job,
    Trial,
    read_failure,
    read_history,
    read_measured,
)


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a set of trials is run."""

    total: int  # trials in all
    allotted: Allotment
    scheduler: TrialScheduler | None = None
    hand_over: bool = False  # whether trials go on from each other's checkpoints
    title: str = "tuning"


def run_trials(
    book: TrialBook, next_job: Callable[[TrialBook], Job | None], conduct: Conduct
) -> None:
    """Run trials until ``next_job`` has no more, those first that were begun before.

    Args:
        book: What is known of them; every trial in it has ended afterwards.
        next_job: Gives the next trial to begin, a function of the book alone.
        conduct: How to run them.
    """
    ended = [trial for trial in book.trials.values() if trial.state in ENDED]
    if len(ended) >= conduct.total:
        return
    scheduler = conduct.scheduler or FIFOScheduler()
    feed = _Feed(book, next_job)
    session = book.folder / ".ray"
    shutil.rmtree(session, ignore_errors=True)
    with TrialTable(conduct.title, conduct.total, book.mode, before=len(ended)) as table:
        given = _given_at_once(book, next_job) if _is_pbt(scheduler) else None
        tuner = tune.Tuner(
            _trainable(conduct, book.folder, book.metric),
            param_space=given,
            tune_config=tune.TuneConfig(
                search_alg=None if given else ConcurrencyLimiter(feed, conduct.allotted.concurrent),
                max_concurrent_trials=conduct.allotted.concurrent if given else None,
                scheduler=_told(scheduler, ended, book),
                num_samples=1 if given else conduct.total - len(ended),
                # A process that has loaded torch trains one trial after another.
                reuse_actors=conduct.allotted.num_workers == 1,
                trial_dirname_creator=lambda trial: trial.config["job"]["name"],
            ),
            run_config=tune.RunConfig(
                name="session",
                storage_path=str(session),
                verbose=0,
                callbacks=[_Keeper(book, table, conduct)],
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )
        tuner.fit()
    shutil.rmtree(session, ignore_errors=True)
    if feed.error is not None:
        raise feed.error
    if book.unfinished():
        raise SejeError(
            f"{book.folder}: {len(book.unfinished())} trials have not ended; repeat the command"
        )


def run_jobs(book: TrialBook, jobs: Sequence[Job], conduct: Conduct) -> None:
    """Run each job as a trial; those of the book that ended as the same jobs are kept."""
    wanted = {job.name for job in jobs}
    for name in [name for name in book.trials if name not in wanted]:
        del book.trials[name]  # of an earlier set of jobs; its folder stays
    for job in jobs:
        folder = book.folder / job.name
        if job.name in book.trials and Job.read(folder) != job:
            shutil.rmtree(folder)
            del book.trials[job.name]

    def next_job(book: TrialBook) -> Job | None:
        return next((job for job in jobs if job.name not in book.trials), None)

    run_trials(book, next_job, conduct)


def _trainable(conduct: Conduct, trials: Path, metric: str) -> Any:
    """Tune's function of a trial, with what it takes of the cluster."""
    allotted, hand_over = conduct.allotted, conduct.hand_over

    def in_own_process(config: dict[str, Any]) -> None:
        folder = trials / Path(tune.get_context().get_trial_dir()).name
        with recorded_failure(folder):
            values = config["job"]["values"]
            train_in_trial(folder, values, metric, allotted.num_threads, hand_over)

    def as_driver(config: dict[str, Any]) -> None:
        folder = trials / Path(tune.get_context().get_trial_dir()).name
        with recorded_failure(folder):
            train_as_driver(folder, metric, allotted.num_workers)

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


def _given_at_once(book: TrialBook, next_job: Callable[[TrialBook], Job | None]) -> dict[str, Any]:
    """All trials of a population as Tune's grid: PBT refuses to run beside a searcher."""
    while (job := next_job(book)) is not None:
        book.begin(job)
    configs = [_config(book, name)["job"] for name in book.unfinished()]
    return {"job": tune.grid_search(configs)}


def _config(book: TrialBook, name: str) -> dict[str, Any]:
    """What Tune hands to a trial; PBT may give it that of another one, with changed values."""
    return {"job": {"name": name, "values": dict(book.trials[name].values)}}


class _Feed(Searcher):  # type: ignore[misc]  # Ray is untyped here
    """Tune's searcher: trials to finish first, then what ``next_job`` gives."""

    def __init__(self, book: TrialBook, next_job: Callable[[TrialBook], Job | None]) -> None:
        super().__init__(metric=book.metric, mode=book.mode)
        self._book, self._next_job = book, next_job
        self._pending = book.unfinished()
        self.error: SejeError | None = None

    def suggest(self, trial_id: str) -> Any:
        """Begin the next trial, or say that there is none."""
        if self._pending:
            name = self._pending.pop(0)
        else:
            try:
                job = self._next_job(self._book)
            except SejeError as error:  # raised again outside of Tune
                self.error = error
                job = None
            if job is None:
                return Searcher.FINISHED
            self._book.begin(job)
            name = job.name
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

    def __init__(self, book: TrialBook, table: TrialTable, conduct: Conduct) -> None:
        self._book, self._table, self._hand_over = book, table, conduct.hand_over
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
        """Note an epoch; those of an earlier session are told again."""
        name, book = _name(trial), self._book
        if "epoch" not in result or book.metric not in result:
            return
        done, scores = int(result["epoch"]) - 1, book.trials[name].scores
        if self._hand_over:  # it may have gone on from another trial's checkpoint
            scores = tuple(e[book.metric] for e in read_history(book.folder / name))
        self._change(
            name,
            scores=(*scores[:done], float(result[book.metric])),
            values=dict(trial.config["job"]["values"]),
        )

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Commit: at its own end, or stopped by the scheduler."""
        name = _name(trial)
        measured = read_measured(self._book.folder / name)
        state = "stopped" if measured is None else "done"
        self._end(name, state=state, measured=measured or {})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Commit the reason."""
        self._end(_name(trial), state="failed", reason=_reason(self._book, trial))

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


def _reason(book: TrialBook, trial: Any) -> str:
    """What a person needs of a trial's error, in one line."""
    said = read_failure(book.folder / _name(trial))
    if said is not None:
        return said
    path = Path(trial.error_file or "")  # its process did not come to say anything
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return f"its process died: {lines[1]}" if len(lines) > 1 else "its process died"
