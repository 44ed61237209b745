"""The page of a tuning: nothing hidden, nothing fetched, and luck shown as luck."""

import re
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seje_ray.artifact import Artifact, Manifest, Plan
from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.report.ablation import AblationPage, as_markdown, write_ablation_report
from seje_ray.report.tuning import TuningPage, as_text, write_hparams, write_tuning_report
from seje_ray.tuning.ablation import Variation
from seje_ray.tuning.comparison import SHOWN
from seje_ray.tuning.space import drawn_point, own_point, space_of
from seje_ray.tuning.trials import Trial

RUN = load_run(named_run_file("demo"))


def measured(score):
    return {f"{p}/{key}": score for p in ("val", "test") for key in SHOWN}


@pytest.fixture
def page():
    space, generator = space_of(RUN), np.random.default_rng(0)
    points = [own_point(RUN, space), *(drawn_point(space, generator) for _ in range(11))]
    trials = [
        Trial(
            f"{n:04d}", point, "stopped" if n % 2 else "done",
            scores=tuple(0.01 * n + 0.1 * epoch for epoch in range(2 + n % 3)), ended_s=10.0 * n,
        )
        for n, point in enumerate(points)
    ]  # fmt: skip
    trials[4] = Trial("0004", points[4], "failed", "loss <b>nan</b>")
    again = [
        Trial(f"{role}-s{seed}", {}, "done", measured=measured(0.5 + gain + 0.01 * seed))
        for role, gain in (("default", 0.0), ("best", 0.1))
        for seed in (1, 2, 3)
    ]
    plan = Plan(kind="calibrated", section={}, inputs={}, seed=0)
    manifest = Manifest(plan=plan, seje_ray_version="0")
    calibrated = Artifact(Path("calibrated"), manifest, manifest.content_hash)
    best = with_settings(RUN, {"loss.soft_margin.margin": 0.25})
    return TuningPage("demo", RUN, best, space, trials, again, calibrated, is_made_up=True)


def test_the_page_shows_every_trial_and_what_other_seeds_say(page, tmp_path):
    """Four plots, reasons as text and not as markup, the run file, no network."""
    write_tuning_report(tmp_path / "report.html", page)
    text = (tmp_path / "report.html").read_text()

    assert text.count("<svg") == 4
    assert all(f"<td>{trial.name}</td>" in text for trial in page.trials)
    assert "loss &lt;b&gt;nan&lt;/b&gt;" in text
    assert "seeds 1, 2, 3, which the tuning never used" in text
    assert "+0.100 ± 0.000" in text
    assert "margin: 0.25" in text
    assert "Made-up data" in text
    assert not re.search(r"""(src|href)=["']?http""", text)


def test_the_summary_names_the_best_beside_the_run_itself(page):
    """Trial 11 of score 0.11 + 0.1 x 3 epochs; the run itself reached 0.1."""
    text = as_text(page)
    assert text.startswith("12 trials: 5 to the end, 6 stopped early, 1 failed")
    assert "best: trial 0011, val/selection_score 0.4100 at epoch 4; the run itself 0.1000" in text
    assert re.search(r"loss.soft_margin.scale +8 +-> ", text)
    assert text.count("better") == 2  # on val and on test


def test_a_best_that_is_the_run_itself_is_a_page_too(page, tmp_path):
    """One row, no difference."""
    one = TuningPage(
        "demo", RUN, RUN, page.space, page.trials[:1], page.again[:3], page.calibrated,
        is_made_up=False,
    )  # fmt: skip
    write_tuning_report(tmp_path / "report.html", one)
    text = (tmp_path / "report.html").read_text()
    assert "Too few trials" in text
    assert "Made-up data" not in text
    assert "best settings" not in as_text(one)


def test_tensorboard_has_scores_by_epoch_and_a_session_of_hparams(page, tmp_path):
    """Trials without a score have none; writing again replaces them."""
    for _ in range(2):
        write_hparams(tmp_path / "t", page.trials, "val/selection_score", "max")
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == [
        trial.name for trial in page.trials if trial.scores
    ]
    events = EventAccumulator(str(tmp_path / "t" / "0005")).Reload()
    values = [scalar.value for scalar in events.Scalars("val/selection_score")]
    assert values == pytest.approx(page.trials[5].scores)
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")


def test_an_ablation_says_what_failed_what_is_missing_and_what_is_noise(tmp_path):
    """A negative result stands there as one."""
    rows = [
        Variation("full model"),
        Variation("without key terms", {"model.use_key_terms": False}),
        Variation("negatives both", {"loss.negatives": "both"}),
        Variation("negatives instance", {"loss.negatives": "instance"}),
    ]
    trials = [
        Trial(f"{role}-s{seed}", {}, "done", measured=measured(score + 0.01 * seed))
        for role, score in (("full-model", 0.5), ("without-key-terms", 0.3))
        for seed in (0, 1, 2)
    ]
    trials += [Trial(f"negatives-instance-s{n}", {}, "failed", "diverged") for n in (0, 1, 2)]
    found = AblationPage("demo", RUN, rows, trials, is_made_up=True)

    text = as_markdown(found)
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}
    assert "| -0.200 ± 0.000 | worse |" in lines["without key terms"]
    assert "| +0.000 ± 0.000 | within noise |" in lines["negatives both (= full model)"]
    assert lines["negatives instance"].count(" - ") >= len(SHOWN)
    assert "- negatives instance: 3 failed: diverged" in text
    assert "rater bert: no row" in text
    write_ablation_report(tmp_path / "a.html", found)
    page = (tmp_path / "a.html").read_text()
    assert page.count("<svg") == 1
    assert "model.freeze_backbone=True" in page
