"""Situations that people report in public, as ``data check`` sees them."""

import pytest

from seje_ray.audit.check import audit
from seje_ray.calibration.language import Language

UNPACKED = (
    "a_no_images_folder", "b_flat", "c_flat_by_partition", "d_recipe1m_plus", "e_layers_apart",
    "f_plus_and_train", "g_no_partition",
)  # fmt: skip


def counts(found):
    """partition -> recipes, photos that are there, photos that are named."""
    return {c.partition: (c.recipes, c.photos_found, c.photos_taken) for c in found.partitions}


def test_recipe1m_is_read_however_its_archives_were_unpacked(shared_case):
    """Case 07: every photo is found and every recipe is in its own partition, in all seven."""
    folder = shared_case("07")
    expected = {"train": (37, 42, 42), "val": (7, 7, 7), "test": (11, 11, 11)}
    for name in UNPACKED:
        found = audit(folder / name, num_photos=1)
        assert (name, counts(found), found.blocked) == (name, expected, None)


@pytest.mark.parametrize("name", ["no_instructions", "no_ingredients"])
def test_one_kind_of_text_is_enough_where_it_is_asked_for(shared_case, name):
    """Case 17: without ingredients the check says which setting takes such data."""
    path = shared_case("17") / f"{name}.jsonl"
    by_the_field = audit(path, num_photos=1)
    alone = audit(path, num_photos=1, needs_ingredients=False)
    assert alone.blocked is None
    assert all(recipes == photos > 0 for recipes, photos, _ in counts(alone).values())
    if name == "no_ingredients":
        assert "calibrate.tagger=none takes photos with a title" in by_the_field.blocked
    else:
        assert counts(by_the_field) == counts(alone)


def test_words_of_a_script_without_spaces_are_found(shared_case):
    """Case 11: lines of made-up characters fall into words of a few characters each."""
    pytest.importorskip("jieba")
    found = audit(shared_case("11") / "recipes.jsonl", num_photos=1)
    assert found.blocked is None
    longest = max((line for r in found.drawn for line in r.instructions), key=len)
    words = Language("zh").segmented(longest).split()
    assert "".join(words) == longest
    assert len(words) > len(longest) / 4
