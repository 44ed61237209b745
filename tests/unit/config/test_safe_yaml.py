"""Run files of strangers: bounded, each key once, one line for everything that is wrong."""

import os

import pytest
import yaml

from seje_ray.config.load import load_run, run_from_json, with_overrides
from seje_ray.config.names import is_name, required_name
from seje_ray.config.run import RunConfig
from seje_ray.config.safe_yaml import loaded
from seje_ray.errors import ConfigError

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGED = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(10)) + "}\n" + "".join(
    f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 10)}]}}\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)  # fmt: skip
BAD = {
    "C03, aliases of aliases": (LAUGHS, "aliases"),
    "C05, holds itself": ("train: &a [*a]", "sections of sections"),
    "C06, deep": ("train: " + "[" * 20_000, "40 sections inside sections"),
    "C06, deep in blocks": ("".join(" " * n + f"k{n}:\n" for n in range(900)), "40 sections"),
    "C09, twice": ("seed: 1\ntrain: {num_epochs: 2}\nseed: 3", "line 3: 'seed' stands there twice"),
    "C10, infinite": ("train: {learning_rate: .inf}", "train.learning_rate: expected a finite"),
    "C10, no number": ("loss: {adamine: {margin: .nan}}", "margin: expected a finite number"),
    "C12, huge": ("train: {batch_size_per_worker: 1000000000000}", "less than 2,147,483,648"),
    "C12, absurd": ("seed: " + "9" * 5000, "found a value that is none"),
    "C18, long": (f"name: {'a' * 5000}", "name must be 1 to 100 letters"),
    "C20, a date that is none": ("name: 2001-99-99", "found a value that is none"),
    "too large": ("# " + "x" * (1 << 20), "expected at most 1,048,576 characters"),
    "too many aliases": ("a: &a 1\nb: [" + "*a, " * 200 + "]", "100 aliases"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_run_file_of_a_stranger_is_one_line(tmp_path, text, said):
    """It says the file and what is wrong, and repeats no megabytes of it."""
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_run(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert len(message) < 600
    assert "\n" not in message


@pytest.mark.parametrize("value", ["&a [*a]", "[" * 20_000, LAUGHS, "{a: 1, a: 2}", "2001-99-99"])
def test_an_override_of_a_stranger_is_one_line(value):
    """C04: what a script passes on may come from anywhere."""
    with pytest.raises(ConfigError) as caught:
        with_overrides(RunConfig(), [f"train.learning_rate={value}"])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "[", "5", "[" * 100_000, '{"seed": 1e999}', "null"])
def test_a_stored_run_that_is_none_is_one_line(text):
    """As a checkpoint may hold it after a fault."""
    with pytest.raises(ConfigError, match=r"run\.json"):
        run_from_json(text, "run.json")


def test_aliases_and_merges_of_a_plain_file_are_as_in_any_yaml():
    """Both are of use where a file has two like sections; what a section says itself counts."""
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: *a"
    assert loaded(text) == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 3, "y": [2]},
        "c": {"x": 1, "y": [2]},
    }


def test_merges_of_merges_are_bounded(monkeypatch):
    """However PyYAML merges: by its own rules, or by ours where it keeps each key ten times."""
    sizes = [len(section) for section in loaded(MERGED).values()]
    assert sizes == [10] * 10
    monkeypatch.setattr("seje_ray.limits.MAX_RUN_FILE_VALUES", 5)
    with pytest.raises(yaml.YAMLError, match="more than 5 keys"):
        loaded(MERGED)


def test_a_pipe_is_no_run_file(tmp_path):
    """C22: nothing waits for who may write into it."""
    os.mkfifo(tmp_path / "run.yaml")
    with pytest.raises(ConfigError, match="expected a regular file"):
        load_run(tmp_path / "run.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../evil",
        "a/../b",
        "/a",
        "a//b",
        "a b",
        "$(touch x)",
        ".hidden",
        "a\n",
        "-" * 3,
        "é/",
    ],
)
def test_a_name_leads_to_no_other_place(name):
    """P10, F18, C17: names become folders."""
    assert not is_name(name)
    with pytest.raises(ConfigError, match=r"--run .* expected 1 to 100 letters"):
        required_name(name, "--run")


def test_names_of_people_are_taken():
    """Also those of other alphabets; the longest that may be."""
    for name in ("seje", "r1", "lr-0.1_v2", "vse++", "Größe", "a" * 100):
        assert required_name(name, "--run") == name
    assert not is_name("a" * 101)


def test_a_run_may_lie_in_a_folder_of_runs():
    """A run file's own name may not: it names one folder."""
    assert required_name("exp/one", "--run") == "exp/one"
    assert not is_name("exp/one")
