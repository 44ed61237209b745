"""All trials of one tuning or comparison, as its folder has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seje_ray.store.mirror import matching, remove
from seje_ray.store.objects import in_threads
from seje_ray.training.checkpoints import prune_checkpoints
from seje_ray.tuning.trial_plan import FILE, TrialPlan, kept
from seje_ray.tuning.trials import ENDED, Trial, read_trial
from seje_ray.workspace import Workspace


@dataclass(slots=True)
class TrialBook:
    """All trials of one tuning, in order, as its folder has them."""

    workspace: Workspace  # whose data they are trained on
    folder: Path
    metric: str
    mode: str
    trials: dict[str, Trial] = field(default_factory=dict)

    @classmethod
    def open(cls, workspace: Workspace, folder: Path, metric: str, mode: str) -> "TrialBook":
        """Read every trial that was begun."""
        folder.mkdir(parents=True, exist_ok=True)
        begun = [path.parent for path in matching(folder, f"*/{FILE}")]
        read = in_threads(lambda path: read_trial(path, metric), begun)
        trials = {path.name: trial for path, trial in zip(begun, read, strict=True)}
        return cls(workspace, folder, metric, mode, trials)

    def plan(self, name: str) -> TrialPlan:
        """Plan of a trial."""
        return TrialPlan.read(self.folder / name, self.workspace)

    def begin(self, plan: TrialPlan) -> None:
        """Add a trial; from here on it is never begun again."""
        plan.write(self.folder / plan.name)
        self.trials[plan.name] = Trial(plan.name, plan.values)

    def end(self, name: str, **known: Any) -> None:
        """Commit how a trial ended."""
        self.trials[name] = replace(self.trials[name], **known)
        self.trials[name].write(self.folder / name)
        prune_checkpoints(self.folder / name, set())  # its plan trains it again

    def keep(self, wanted: Sequence[TrialPlan]) -> None:
        """Forget all trials but those of these very plans.

        A folder of a wanted name that was begun by another plan is removed; the
        folders of names that are not wanted stay.
        """
        begun = {plan.name: self.plan(plan.name) for plan in wanted if plan.name in self.trials}
        stay = kept(begun, wanted)
        for name in begun.keys() - stay:
            remove(self.folder / name)
        self.trials = {name: trial for name, trial in self.trials.items() if name in stay}

    def unfinished(self) -> list[str]:
        """Trials that were begun and have not ended."""
        return [name for name, trial in self.trials.items() if trial.state not in ENDED]

    @property
    def elapsed_s(self) -> float:
        """Seconds of tuning up to the last trial that ended."""
        return max((trial.ended_s for trial in self.trials.values()), default=0.0)


NextPlan = Callable[[TrialBook], TrialPlan | None]
"""The next trial to begin, a function of the book alone; None where there are no more."""
