"""All trials of one search or comparison, as its folder has them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seje_ray.tuning.trials import ENDED, Job, Trial, drop_checkpoints, read_trial


@dataclass(slots=True)
class TrialBook:
    """All trials of one search, in order, as its folder has them."""

    folder: Path
    metric: str
    mode: str
    trials: dict[str, Trial] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, metric: str, mode: str) -> "TrialBook":
        """Read every trial that was begun."""
        folder.mkdir(parents=True, exist_ok=True)
        begun = sorted(path.parent for path in folder.glob("*/job.json"))
        return cls(folder, metric, mode, {p.name: read_trial(p, metric) for p in begun})

    def begin(self, job: Job) -> None:
        """Add a trial; from here on it is never begun again."""
        job.write(self.folder / job.name)
        self.trials[job.name] = Trial(job.name, job.values)

    def end(self, name: str, **known: Any) -> None:
        """Commit how a trial ended."""
        self.trials[name] = replace(self.trials[name], **known)
        self.trials[name].write(self.folder / name)
        drop_checkpoints(self.folder / name)

    def unfinished(self) -> list[str]:
        """Trials that were begun and have not ended."""
        return [name for name, trial in self.trials.items() if trial.state not in ENDED]

    @property
    def elapsed_s(self) -> float:
        """Seconds of search up to the last trial that ended."""
        return max((trial.ended_s for trial in self.trials.values()), default=0.0)
