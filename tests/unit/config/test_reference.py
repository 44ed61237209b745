"""Settings with their comments: none lacks one, and the printed run is a run file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

import seje_ray
from seje_ray.config import Dimension, RunConfig, load_run, named_run_file, with_settings
from seje_ray.config.reference import (
    LINE_WIDTH,
    annotated_yaml,
    field_comments,
    settings,
    values_of,
)

PACKAGED = sorted(path.stem for path in (Path(seje_ray.__file__).parent / "runs").glob("*.yaml"))


@dataclass(frozen=True)
class Pantry:
    """Shelves."""

    jars: int = 3  # of jam
    # dry
    # and cool
    flour: str = "wheat"
    # first above,
    salt: Literal["sea", "rock"] = "sea"  # then behind

    honey: float | None = None
    oil: str = field(
        default="olive",  # any
    )


def test_comments_of_fields_by_hand():
    """Behind, above over two lines, both, none, and inside of brackets."""
    assert field_comments(Pantry) == {
        "jars": "of jam",
        "flour": "dry and cool",
        "salt": "first above, then behind",
        "honey": "",
        "oil": "",
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (float, "number"),
        (str | None, "text or null"),
        (Literal["a", "b", "c"], "a, b or c"),
        (tuple[int, ...], "list of integers"),
        (tuple[float, float], "list of numbers"),
        (Mapping[str, Dimension] | None, "mapping of setting to Dimension or null"),
        (Mapping[str, int], "mapping of setting to value"),
    ],
)
def test_what_a_setting_takes_is_said_in_words(kind, words):
    assert values_of(kind) == words


def test_every_setting_has_a_comment():
    """A new field without one fails here: the page and ``show-run`` would leave it unexplained."""
    assert [s.name for s in settings() if not s.comment] == []
    assert [name for name in Dimension.__slots__ if not field_comments(Dimension)[name]] == []


def test_settings_are_those_of_a_run_file():
    """Each leaf of the complete run once, in its order, with its default."""
    run = RunConfig()
    found = {s.name: s.default for s in settings() if not s.is_section}

    assert found["calibrate.image_categorizer.backbone.name"] == "torchvision/wide_resnet50_2"
    for name, default in found.items():
        value = run
        for part in name.split("."):
            value = getattr(value, part)
        assert value == default, name
    assert list(found)[:3] == ["name", "seed", "data.cookbook_recipes"]


@pytest.mark.parametrize("name", PACKAGED)
def test_a_printed_run_is_a_run_file(tmp_path, name):
    """Comments change no value, whatever the run holds."""
    run = load_run(named_run_file(name))
    path = tmp_path / "run.yaml"
    path.write_text(annotated_yaml(run))

    assert load_run(path) == run


def test_a_printed_run_keeps_a_search_space(tmp_path):
    """Lists, mappings of mappings, an empty mapping, and text that needs quotes."""
    run = with_settings(
        load_run(named_run_file("demo")),
        {
            "calibrate.image_categorizer.photos": "a: folder # of photos",
            "tune.settings": {},
            "tune.space": {
                "train.global_batch_size": {"integer": [16, 64]},
                "loss.discriminator": {"choice": ["bce", "wgan_gp"]},
                "loss.gradient_penalty": {
                    "log_uniform": [1, 30],
                    "when": {"loss.discriminator": "wgan_gp"},
                },
            },
        },
    )
    path = tmp_path / "run.yaml"
    path.write_text(annotated_yaml(run))

    assert load_run(path) == run


def test_a_printed_run_explains_each_setting():
    """A short comment behind its line, a long one above; choices first; no line too long."""
    lines = annotated_yaml(RunConfig()).splitlines()

    assert "  shorter_side: 256  # pixels, of the stored photos" in lines
    assert "  gallery_sizes: [1000, 10000]  # pairs; cut to the size of the partition" in lines
    backend = lines.index("    backend: skip_instructions")
    assert lines[backend - 2].startswith("    # [skip_instructions | transformer | file] ")
    assert max(map(len, lines)) <= LINE_WIDTH
