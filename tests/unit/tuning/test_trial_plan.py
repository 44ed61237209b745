"""What a trial trains, wherever its workspace lies, and which trials are kept."""

import json
from dataclasses import replace

import pytest

from seje_ray.artifact import Plan, write_json
from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.errors import ArtifactError
from seje_ray.tuning.trial_book import TrialBook
from seje_ray.tuning.trial_plan import TrialPlan, kept
from seje_ray.tuning.trials import Trial
from seje_ray.workspace import Workspace

METRIC, MARGIN = "val/selection_score", "loss.soft_margin.margin"
RUN = load_run(named_run_file("demo"))


@pytest.fixture
def workspace(tmp_path):
    """With data of its own and a variant's."""
    found = Workspace(tmp_path / "here")
    for part, inputs in ((found, "own"), (found.variant("75e9"), "other")):
        part.calibrated.mkdir(parents=True)
        plan = Plan(kind="calibrated", section={}, inputs={"calibrator": inputs}, seed=0)
        manifest = {"plan": plan.to_dict(), "seje_ray_version": "1"}
        write_json(part.calibrated / "manifest.json", manifest)
    return found


def plan(workspace, data=None, name="0003", **changed):
    artifact = (data or workspace).open_calibrated()
    known = TrialPlan.of(name, RUN, artifact, workspace, ("val",), {MARGIN: 0.3})
    return replace(known, **changed)


def as_older_versions_stored_it(folder, calibrated):
    """With the absolute path of the data, and settings under their names of the time."""
    stored = json.loads((folder / "job.json").read_text())
    values = {"loss.margin": stored["values"][MARGIN]}
    write_json(folder / "job.json", stored | {"calibrated": str(calibrated), "values": values})


def test_a_plan_is_read_as_it_was_written(workspace, tmp_path):
    """The complete run, where the data lies, its hash, what is measured and the values."""
    written = plan(workspace, workspace.variant("75e9"))
    written.write(tmp_path / "0003")

    found = TrialPlan.read(tmp_path / "0003", workspace)

    assert found == written
    assert found.location == "variants/75e9/calibrated"
    assert str(tmp_path) not in (tmp_path / "0003" / "job.json").read_text()


@pytest.mark.parametrize("is_variant", [False, True])
def test_a_plan_finds_its_data_after_a_move(workspace, tmp_path, is_variant):
    """As this version stores it, and as older ones did."""
    data = workspace.variant("75e9") if is_variant else workspace
    hash_before = data.open_calibrated().content_hash
    for name in ("new", "old"):
        plan(workspace, data, name).write(workspace.tune("a") / name)
    as_older_versions_stored_it(workspace.tune("a") / "old", data.calibrated)
    moved = Workspace(workspace.folder.rename(tmp_path / "elsewhere"))

    plans = [TrialPlan.read(moved.tune("a") / name, moved) for name in ("new", "old")]

    for found in plans:
        assert found.values == {MARGIN: 0.3}
        opened = found.open_calibrated(moved)
        assert opened.content_hash == hash_before
        assert opened.folder.is_relative_to(tmp_path / "elsewhere")


def test_a_variant_as_a_workspace_of_its_own_finds_its_data(workspace, tmp_path):
    """An older version stored the absolute path, which has ``variants`` in it."""
    variant = workspace.variant("75e9")
    plan(variant).write(tmp_path / "0003")
    as_older_versions_stored_it(tmp_path / "0003", variant.calibrated)

    assert TrialPlan.read(tmp_path / "0003", variant).location == "calibrated"


def test_data_that_was_calibrated_anew_is_refused(workspace):
    """The path is the same, the content is not."""
    with pytest.raises(ArtifactError, match="made with another calibrated artifact"):
        plan(workspace, calibrated_hash="another").open_calibrated(workspace)


def test_trials_are_kept_by_what_they_train_and_not_by_where_it_lies(workspace):
    """Another run, other data, other partitions or values are another trial; a path is none."""
    wanted = plan(workspace)
    same = replace(wanted, location="/somewhere/else/calibrated")
    others = [
        replace(wanted, run=with_settings(RUN, {"loss.category_weight": 0.25})),
        replace(wanted, run=with_settings(RUN, {"tune.metric": "val/median_rank/image_to_recipe"})),
        replace(wanted, calibrated_hash="another"),
        replace(wanted, partitions=("val", "test")),
        replace(wanted, values={MARGIN: 0.4}),
    ]

    more = with_settings(RUN, {"tune.num_trials": 40, "tune.num_seeds": 5})

    assert kept({"0003": same}, [wanted]) == {"0003"}
    assert kept({"0003": replace(same, run=more)}, [wanted]) == {"0003"}  # beside more trials
    assert [kept({"0003": other}, [wanted]) for other in others] == [set()] * 5
    assert kept({"0004": same}, [wanted]) == set()


def test_a_trial_that_started_from_other_weights_is_not_kept(workspace, tmp_path):
    """The same name retrained since; what an older version did not note, or is gone, may do."""
    before, now = plan(workspace, initial_hash="before"), plan(workspace, initial_hash="now")
    before.write(tmp_path / "0003")
    assert TrialPlan.read(tmp_path / "0003", workspace) == before
    assert kept({"0003": before}, [now]) == set()
    for unknown in (plan(workspace), before):
        assert kept({"0003": unknown}, [before]) == {"0003"}
        assert kept({"0003": before}, [unknown]) == {"0003"}


def test_a_book_keeps_the_wanted_and_removes_what_lies_in_their_place(workspace, tmp_path):
    """The folder of a name that nobody wants stays, for a command that wants it again."""
    book = TrialBook.open(workspace, tmp_path / "trials", METRIC, "max")
    for name in ("a", "b", "c"):
        book.begin(plan(workspace, name=name))
        book.end(name, state="done", scores=(0.5,))
    as_older_versions_stored_it(book.folder / "a", "/data/of/old/calibrated")
    book = TrialBook.open(workspace, tmp_path / "trials", METRIC, "max")

    book.keep([plan(workspace, name="a"), plan(workspace, name="b", partitions=("test",))])

    ended = Trial("a", {MARGIN: 0.3}, "done", scores=(0.5,))
    assert book.trials == {"a": ended}
    assert sorted(path.name for path in book.folder.iterdir()) == ["a", "c"]
