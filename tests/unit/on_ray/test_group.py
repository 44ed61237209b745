"""What a group of Ray Train processes rests on, without starting Ray."""

import json

import pytest

from seje_ray.on_ray.group import CHECKPOINT_LIST, forget_broken_list, num_places


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


@pytest.mark.parametrize(
    ("nodes", "need", "places"),
    [
        ([{"CPU": 3}, {"CPU": 2.5}], {"CPU": 1}, 5),
        ([{"CPU": 16, "GPU": 8}], {"CPU": 1, "GPU": 1}, 8),
        ([{"CPU": 16, "GPU": 1}], {"CPU": 1, "GPU": 1 / 3}, 3),
        ([{"CPU": 2, "GPU": 2}, {"CPU": 8}], {"CPU": 1, "GPU": 0.25}, 2),
        ([{"CPU": 8}], {"CPU": 1, "GPU": 1}, 0),
        ([], {"CPU": 1}, 0),
    ],
)
def test_workers_are_counted_node_by_node(nodes, need, places):
    """Thirds of a GPU add up to it; CPUs of one node help no GPU of another."""
    assert num_places(nodes, need) == places
