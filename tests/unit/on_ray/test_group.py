"""What a group of Ray Train processes rests on, without starting Ray."""

import json

import pytest

from seje_ray.on_ray.ray_internals import CHECKPOINT_LIST, forget_broken_list


def listed(*names):
    return json.dumps({"checkpoint_results": [{"checkpoint_dir_name": name} for name in names]})


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        (listed("checkpoint-00001"), True),
        (listed(), True),
        (listed("checkpoint-00001", "checkpoint-00002"), False),
        (listed("checkpoint-00001")[:-9], False),
        ("", False),
        ("[]", False),
    ],
    ids=["whole", "none yet", "names a lost folder", "cut short", "empty", "something else"],
)
def test_ray_keeps_its_list_of_checkpoints_only_while_it_is_whole(tmp_path, text, is_kept):
    """Ray writes it in place, so a kill can leave half of it; Ray would then refuse to start."""
    (tmp_path / "checkpoint-00001").mkdir()
    (tmp_path / CHECKPOINT_LIST).write_text(text)

    forget_broken_list(tmp_path)

    assert (tmp_path / CHECKPOINT_LIST).is_file() == is_kept
    assert (tmp_path / "checkpoint-00001").is_dir()


def test_a_run_without_a_list_is_left_alone(tmp_path):
    """Nothing was started yet, or not even the folder is there."""
    forget_broken_list(tmp_path / "none")
    assert not list(tmp_path.iterdir())
