"""Models that cannot be had are told at once."""

import pytest

from seje_ray.hub import require_source


def test_a_folder_is_there_and_a_path_without_one_is_not_asked_for_at_the_hub(tmp_path):
    require_source(str(tmp_path))
    for path in (str(tmp_path / "none"), "./none", "a/b/c"):
        with pytest.raises(OSError, match="there is no such folder"):
            require_source(path)


def test_a_hub_that_does_not_answer_is_told(monkeypatch):
    """Nothing listens at the endpoint that the hub's client is given."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OSError, match="no answer from the hub"):
        require_source("no/such-model")
