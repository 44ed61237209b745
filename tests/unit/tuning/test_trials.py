"""What is kept of each trial, and what is read of it after a kill."""

import json
from dataclasses import replace

import pyarrow.parquet as pq

from seje_ray.training.checkpoints import prune_checkpoints
from seje_ray.tuning.trials import (
    Trial,
    best_trial,
    read_trial,
    write_trials_table,
)

METRIC = "val/selection_score"


def begun(folder, setting="loss.hinge.margin"):
    """What a trial that was begun leaves."""
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps({"values": {setting: 0.3}}))


def test_a_trial_that_ran_is_known_by_its_history(tmp_path):
    """Killed before its end: the epochs that it committed, and no state."""
    begun(tmp_path / "0003")
    assert read_trial(tmp_path / "0003", METRIC) == Trial("0003", {"loss.hinge.margin": 0.3})
    lines = [json.dumps({"epoch": n, METRIC: n / 10}) for n in (1, 2)]
    (tmp_path / "0003" / "history.jsonl").write_text("\n".join(lines) + "\n")
    assert read_trial(tmp_path / "0003", METRIC).scores == (0.1, 0.2)
    assert read_trial(tmp_path / "0003", METRIC).state == "waiting"


def test_a_trial_that_ended_is_known_by_what_was_committed(tmp_path):
    """Its history is not looked at again: a stopped trial may have trained past its end."""
    begun(tmp_path / "0003")
    ended = Trial(
        "0003", {"loss.hinge.margin": 0.3}, "stopped", "", (0.1, 0.2), 3.5, 9.0, {"test/x": 1.0}
    )
    ended.write(tmp_path / "0003")
    (tmp_path / "0003" / "history.jsonl").write_text(json.dumps({METRIC: 0.9}))
    (tmp_path / "0003" / "checkpoint-00002").mkdir()
    (tmp_path / "0003" / ".checkpoint-00003.partial").mkdir()
    prune_checkpoints(tmp_path / "0003", set())

    assert read_trial(tmp_path / "0003", METRIC) == ended
    assert not list((tmp_path / "0003").glob("*checkpoint-*"))


def test_the_best_trial_counts_by_its_best_epoch():
    """By hand, both ways; failed and running ones do not count, the earlier of equals wins."""
    trials = [
        Trial("0", {}, "done", scores=(0.1, 0.4, 0.2)),
        Trial("1", {}, "stopped", scores=(0.4,)),
        Trial("2", {}, "failed", "died", scores=(0.9,)),
        Trial("3", {}, "running", scores=(0.8,)),
    ]
    assert best_trial(trials, "max") == trials[0]
    assert best_trial(trials, "min") == trials[0]
    assert best_trial([replace(t, scores=()) for t in trials], "max") is None
    assert trials[0].best("max") == 0.4
    assert trials[0].best("min") == 0.1


def test_the_table_has_a_column_per_setting(tmp_path):
    """Numbers stay numbers; a setting that a trial lacks is null."""
    trials = [
        Trial("0", {"a": 1, "b": "x", "c": True}, "done", scores=(0.5, 0.25), seconds=2.0),
        Trial("1", {"a": 2.5, "c": None}, "failed", "out of memory"),
    ]
    write_trials_table(tmp_path / "trials.parquet", trials, "max")
    rows = pq.read_table(tmp_path / "trials.parquet").to_pylist()
    assert rows[0] == {
        "trial": "0", "state": "done", "reason": "", "score": 0.5, "num_epochs": 2,
        "seconds": 2.0, "ended_s": 0.0, "a": 1.0, "b": "x", "c": True,
    }  # fmt: skip
    assert (rows[1]["score"], rows[1]["reason"]) == (None, "out of memory")
    assert (rows[1]["a"], rows[1]["b"], rows[1]["c"]) == (2.5, None, None)


def test_settings_of_a_trial_have_their_present_names(tmp_path):
    """A tuning of an older version is read as one of this."""
    begun(tmp_path / "0003", "loss.scale")
    assert read_trial(tmp_path / "0003", METRIC).values == {"loss.soft_margin.scale": 0.3}

    Trial("0003", {"loss.margin": 0.3}, "done").write(tmp_path / "0003")

    assert read_trial(tmp_path / "0003", METRIC).values == {"loss.soft_margin.margin": 0.3}
