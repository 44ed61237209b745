"""Commands, options, settings and defaults change on purpose only."""

import pytest

from seje_ray.config import TrainConfig
from tests.unit.cli.surface import FILES, path_of

HOW_TO_CHANGE = (
    "what users rely on has changed; if that is meant, run `python -m tests.unit.cli.surface` "
    "and tell of it in CHANGELOG.md"
)


@pytest.mark.parametrize("name", FILES)
def test_what_users_rely_on_is_as_it_was(name):
    assert FILES[name]().splitlines() == path_of(name).read_text().splitlines(), HOW_TO_CHANGE


def test_each_kind_of_fact_is_in_the_files():
    """So that the test above compares more than names."""
    commands, settings = (path_of(name).read_text().splitlines() for name in FILES)

    assert "    --workspace DIRECTORY = workspace" in commands
    assert any(line.startswith("seje-ray data synth: ") for line in commands)
    assert any("[1, None]" in line for line in commands)
    assert any("(repeatable)" in line for line in commands)
    assert f"train.num_epochs = {TrainConfig().num_epochs}" in settings
