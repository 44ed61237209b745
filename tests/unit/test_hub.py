"""Models that cannot be had are told at once."""

import pytest

from seje_ray.hub import model_file, require_source


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


def test_a_file_of_a_model_is_taken_from_its_folder_or_the_cache(tmp_path, monkeypatch):
    """Of a hub model: what is cached, and what the cache knows not to be there."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    stored = tmp_path / "cache" / "models--someone--model"
    for folder in ("refs", "snapshots/0abc/1_Pooling", ".no_exist/0abc"):
        (stored / folder).mkdir(parents=True)
    (stored / "refs" / "main").write_text("0abc")
    pooling = stored / "snapshots/0abc/1_Pooling/config.json"
    pooling.write_text("{}")
    (stored / ".no_exist/0abc/modules.json").touch()

    assert model_file("someone/model", "1_Pooling/config.json") == pooling
    assert model_file("someone/model", "modules.json") is None
    assert model_file(str(stored / "snapshots/0abc"), "1_Pooling/config.json") == pooling
    assert model_file(str(stored / "snapshots/0abc"), "modules.json") is None
