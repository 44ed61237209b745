"""Keys of own recipes: which field each fills, what is said, and what is refused."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.recipe1m import keys
from seje_ray.recipe1m.keys import id_alone, is_empty, mapped
from seje_ray.recipe1m.notes import looks_of, reading_lines
from seje_ray.recipe1m.records import DataError, Recipe
from seje_ray.recipe1m.source import open_source
from seje_ray.workspace import Workspace
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import calibrated_locally

SOUP = {
    "id": "a",
    "title": "Pea soup",
    "ingredients": ["1 cup peas", "salt"],
    "instructions": ["Boil.", "Serve."],
}


def written(path, records):
    """The records as JSON lines."""
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def read(path, **options):
    """What a file gives, and its notes."""
    source = open_source(path, **options)
    return list(source.read()), source.notes


def renamed(record, **names):
    """The record with other keys."""
    return {names.get(key, key): value for key, value in record.items()}


@pytest.mark.parametrize("instructions", ["directions", "steps", "method", "Instructions"])
@pytest.mark.parametrize("title", ["name", "Title", "recipe_name"])
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_near_names_are_taken_and_said(tmp_path, instructions, title, suffix):
    """The same recipes as under our names, whatever the format."""
    records = [{**SOUP, "id": str(n), "partition": "test"} for n in range(3)]
    theirs = [
        renamed(record, title=title, instructions=instructions, partition="split")
        for record in records
    ]
    path = tmp_path / f"own{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(theirs), path)
    else:
        written(path, theirs)

    found, notes = read(path)

    ours, _ = read(written(tmp_path / "ours.jsonl", records))
    assert found == ours
    assert {recipe.partition for recipe in found} == {"test"}
    (line,) = notes.lines()
    for said in (f"{title} -> title", f"{instructions} -> instructions", "split -> partition"):
        assert f"{said} in 3 of 3 records" in line
    assert notes.problem() is None


@pytest.mark.parametrize("key", ["image", "image_path", "photo", "Image Path"])
def test_a_photo_under_a_near_name_is_found(tmp_path, key):
    """One path as text."""
    (recipe,), _ = read(written(tmp_path / "own.jsonl", [{**SOUP, key: "a.jpg"}]))
    assert [image.location for image in recipe.images] == [str(tmp_path / "a.jpg")]


@pytest.mark.parametrize(
    ("word", "partition"),
    [
        ("validation", "val"),
        ("valid", "val"),
        ("eval", "val"),
        (" Dev ", "val"),
        ("training", "train"),
    ],
)
def test_partitions_under_other_words_are_taken_and_said(tmp_path, word, partition):
    """The field keeps its own name."""
    (recipe,), notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "partition": word}]))
    assert recipe.partition == partition
    assert notes.lines() == [f"taken: {word.strip().lower()} -> {partition} in 1 of 1 records"]


def test_a_field_of_our_name_wins_and_of_near_names_the_first_that_is_filled():
    """A key that is not needed is said to be unused; our own never is."""
    both = {"title": "Soup", "name": "Broth", "steps": None, "method": "Boil.", "cuisine": "x"}
    fields, said = mapped(both, {})
    assert fields == {"title": "Soup", "instructions": "Boil."}
    assert said.taken == (("method", "instructions"),)
    assert said.unused == ("name", "steps", "cuisine")


@pytest.mark.parametrize("empty", [None, " ", float("nan"), []])
@pytest.mark.parametrize(
    ("own", "near", "other"),
    [
        ("title", "name", "Jane Doe"),
        ("Title", "recipe name", "Jane Doe"),
        ("instructions", "preparation", "20 min"),
        ("images", "photo", "jane.jpg"),
        ("ingredients", "ingredient1", "salt"),
        ("id", "uuid", "9"),
        ("partition", "split", "test"),
    ],
)
def test_a_near_name_fills_no_gap_of_our_own(own, near, other, empty):
    """It may be something else there; it is said to be unused, and our own is not."""
    fields, said = mapped({near: other, own: empty}, {})
    assert list(fields) == [own.lower()]
    assert is_empty(fields[own.lower()])
    assert said.unused == (near,)


def test_a_field_that_is_empty_in_all_records_names_a_near_name_that_is_not(tmp_path):
    """Whatever its values look like."""
    records = [{**SOUP, "id": n, "title": None, "name": f"Soup{n}"} for n in range(3)]
    _, notes = read(written(tmp_path / "own.jsonl", records))
    assert "it may be name: say --map title=name" in str(notes.problem())


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"uid": "u1"}, "u1"),
        ({"uid": "u1", "post_id": 7}, None),
        ({"uid": "u1", "recipe_id": None}, None),
        ({"uid": "u1", "recipeId": 7}, 7),
        ({"uid": "u1", "uuid": "x"}, "x"),
    ],
)
def test_a_uid_is_the_recipes_only_if_there_is_no_other_id(record, found):
    """It may be its author's."""
    fields, _ = mapped(record, {})
    assert fields.get("id") == found
    assert id_alone(record, {}).get("id") == found


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("form", "field"),
    [
        ("ingredient{}", "ingredients"),
        ("Ingredients_{}", "ingredients"),
        ("step {}", "instructions"),
        ("image.{}", "images"),
    ],
)
def test_numbered_keys_are_the_list_of_their_field(tmp_path, form, field, suffix):
    """In the order of their numbers, without empty ones, and said together."""
    numbered = {form.format(n): f"no {n}.jpg" for n in (10, 9, 2, 1)} | {form.format(3): None}
    record = {**{k: v for k, v in SOUP.items() if k != field}, **numbered}
    path = tmp_path / f"own{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([record]), path)
    else:
        written(path, [record])
    (recipe,), notes = read(path)
    found = getattr(recipe, field)
    found = tuple(image.id for image in found) if field == "images" else found
    assert found == ("no 1.jpg", "no 2.jpg", "no 9.jpg", "no 10.jpg")
    assert notes.lines() == [f"taken: {form.format('<n>')} -> {field} in 1 of 1 records"]
    assert notes.problem() is None


@pytest.mark.parametrize("key", ["ingredients.1", "Ingredient 2", "step1", "image_2"])
def test_a_numbered_key_beside_its_field_is_an_error(tmp_path, key):
    """Nothing is lost in silence; the option that is named leaves it out."""
    path = written(tmp_path / "own.jsonl", [{**SOUP, "images": "a.jpg", key: "salt"}])
    _, notes = read(path)
    problem = str(notes.problem())
    assert f"found {key!r} beside another key of it" in problem
    field = problem.split(":")[0]
    _, notes = read(path, columns={field: field})
    assert notes.problem() is None


def test_a_number_in_a_single_field_makes_another_key():
    """Neither a second title nor a second id is the first."""
    fields, said = mapped({"title2": "x", "id2": 3, "split1": "test", "id": 1}, {})
    assert fields == {"id": 1}
    assert said.unused == ("title2", "id2", "split1")


@pytest.mark.parametrize("key", ["split", "Subset"])
@pytest.mark.parametrize("value", ["vegan", "fold 3", 2, ["train"], True])
def test_a_split_that_is_ignored_cannot_happen(tmp_path, key, value):
    """None of its values is known: an error that names them; the option that it names helps."""
    records = [{**SOUP, "id": n, key: value} for n in range(9)]
    path = written(tmp_path / "own.jsonl", records)
    problem = str(read(path)[1].problem())
    assert f"in {key!r}, found {value!r}" in problem
    assert "--map partition=" in problem
    found, notes = read(path, columns={"partition": ""})
    plain, _ = read(written(tmp_path / "plain.jsonl", [{**SOUP, "id": n} for n in range(9)]))
    assert found == plain
    assert notes.problem() is None


@pytest.mark.parametrize("unknown", ["holdout", 2, ["test"]])
def test_an_unknown_word_among_partitions_is_rejected_wherever_it_stands(tmp_path, unknown):
    """Also before the first known one; none of them is drawn into train."""
    words = [unknown, None, "train", unknown, "Validation"]
    records = [{**SOUP, "id": n, "split": word} for n, word in enumerate(words)]
    found, notes = read(written(tmp_path / "own.jsonl", records))
    reasons = [getattr(one, "reason", "") for one in found]
    assert reasons == ["unknown_partition", "", "", "unknown_partition", ""]
    assert [one.partition for one in found[2:5:2]] == ["train", "val"]
    assert any("no partition in 1 of 5 records" in line for line in notes.lines())
    assert notes.problem() is None


@pytest.mark.parametrize("word", ["test", " Test", "TESTING"])
def test_a_word_for_test_under_a_near_name_is_test(word):
    """Also where another near name holds something else."""
    fields, said = mapped({"split": "vegan", "subset": word}, {})
    assert fields["partition"].strip().lower() == "test"
    assert said.unused == ("split",)
    assert mapped({"split": word}, {"partition": "split"})[0] == fields


def test_no_key_is_the_key_of_no_field(tmp_path):
    """A table's index may have the key "": ``--map title=`` is none all the same."""
    path = written(tmp_path / "own.jsonl", [{"": "0", **SOUP}])
    (recipe,), notes = read(path, columns={"title": ""})
    assert recipe.title == ""
    assert notes.problem() is None


def test_what_the_user_says_of_a_key_wins(tmp_path):
    """Also over our own names; "" leaves a field empty."""
    record = {**SOUP, "heading": "Green soup"}
    path = written(tmp_path / "own.jsonl", [record])
    columns = {"title": "heading", "instructions": ""}
    (recipe,), notes = read(path, columns=columns)
    assert (recipe.title, recipe.instructions) == ("Green soup", ())
    assert "keys not used: title in 1 of 1 records, instructions in 1 of 1 records" in notes.lines()
    assert notes.problem() is None


def test_keys_that_are_not_used_are_counted(tmp_path):
    """In as many records as hold them."""
    records = [{**SOUP, "id": str(n), **({"NER": []} if n else {})} for n in range(3)]
    _, notes = read(written(tmp_path / "own.jsonl", records))
    assert notes.lines() == ["keys not used: NER in 2 of 3 records"]
    assert reading_lines({"reading": json.loads(json.dumps(notes.to_facts()))}) == notes.lines()


def test_data_keyed_by_id_names_no_million_keys(tmp_path):
    """Fifty by name, the rest together."""
    record = {**SOUP, **{f"key {n}": n for n in range(80)}}
    _, notes = read(written(tmp_path / "own.jsonl", [record]))
    assert len(notes.unused) == 51
    assert notes.unused["(others)"] == 30


@pytest.mark.parametrize(
    ("field", "key", "values"),
    [
        ("partition", "fold", ["train", "Test", "val"]),
        ("title", "heading", ["Pea soup", "Green soup", "Leek soup"]),
        ("instructions", "text_body", [["Boil it.", "Eat."], ["Cook it."], ["Fry the leek."]]),
        ("images", "file", ["a.jpg", "b.PNG", "c.webp"]),
    ],
)
def test_a_field_that_is_empty_in_all_records_names_its_candidates(tmp_path, field, key, values):
    """Before anything is written; and the option that it names helps."""
    records = [
        {**{k: v for k, v in SOUP.items() if k != field}, "id": str(n), key: value}
        for n, value in enumerate(values)
    ]
    path = written(tmp_path / "own.jsonl", records)
    expected = rf"expected {field}, found no such key in all 3 records; it may be {key}: .*--map"
    with pytest.raises(DataError, match=expected):
        calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
    assert not (tmp_path / "w" / "recipes" / "manifest.json").exists()
    for key_of_it in (key, ""):
        _, notes = read(path, columns={field: key_of_it})
        assert notes.problem() is None


def test_a_field_that_is_there_and_empty_without_a_candidate_is_said(tmp_path):
    """A table's column of nulls is no error."""
    _, notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "images": None, "partition": ""}]))
    assert notes.problem() is None
    assert notes.lines() == ["empty in all 1 records: images, partition"]


def test_a_mapping_to_a_key_that_no_record_has_is_an_error(tmp_path):
    """It names those there are."""
    _, notes = read(written(tmp_path / "own.jsonl", [{**SOUP, "x": 1}]), columns={"title": "head"})
    assert "'head', which no record has; the keys that were not used are title, x" in str(
        notes.problem()
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("columns", {"title": "name"}),
        ("separator", "|"),
        ("separator", {"ingredients": ", "}),
    ],
)
def test_a_recipe1m_folder_takes_no_setting_of_own_recipes(tmp_path, setting, value):
    """Its keys and lists are known."""
    (tmp_path / "layer1.json").write_text("[]")
    with pytest.raises(DataError, match=rf"data\.{setting} is for a file of own recipes"):
        open_source(tmp_path, **{setting: value})
    assert open_source(tmp_path, columns={}, separator="").rules == 0


def test_the_calibration_says_what_was_taken_and_plans_stay(tmp_path):
    """In its summary, again when it finds everything there; the default adds nothing to a plan."""
    records = [{**renamed(SOUP, title="name"), "NER": []}]
    path = written(tmp_path / "own.jsonl", records)
    for _ in range(2):
        made = calibrated_locally(tiny_run(), path, Workspace(tmp_path / "w"), last_stage="ingest")
        assert "taken: name -> title in 1 of 1 records" in str(made)
        assert "keys not used: NER in 1 of 1 records" in str(made)
    assert "columns" not in made.recipes.manifest.plan.section["data"]
    run = tiny_run("data.columns.title=name")
    again = calibrated_locally(run, path, Workspace(tmp_path / "w"), last_stage="ingest")
    assert again.recipes.manifest.plan.section["data"]["columns"] == {"title": "name"}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("train", {"partition"}),
        ("https://example.org/a b", set()),
        ("Italian", set()),
        (7, set()),
        (["brown sugar", "milk", "salt"], set()),
        (["1 cup milk", "salt", "2 eggs"], {"ingredients", "instructions"}),
        ({"bytes": b"x", "path": None}, {"images"}),
        ("a.jpg", {"images"}),
    ],
)
def test_a_value_looks_like_its_field(value, fields):
    """Links, tags and numbers like none."""
    assert looks_of(value) == fields


def test_cells_that_say_nothing():
    """As tables write them."""
    assert all(map(is_empty, [None, float("nan"), "", " \n", [], {}]))
    assert not any(map(is_empty, [0, False, "x", [None]]))


def test_keys_of_other_collections_move_no_test_recipe_into_train(shared_case):
    """Case 19: ``split`` of 40, 8 and 8 recipes."""
    found, notes = read(shared_case("19") / "recipenlg_like.jsonl")
    recipes = [recipe for recipe in found if isinstance(recipe, Recipe)]
    assert Counter(r.partition for r in recipes) == {"train": 40, "val": 8, "test": 8}
    assert all(recipe.title and recipe.instructions and recipe.images for recipe in recipes)
    assert "keys not used: NER in 56 of 56 records" in notes.lines()


@pytest.mark.parametrize("name", ["split_column.parquet", "validation.parquet"])
def test_parquet_as_the_hub_writes_it_keeps_its_partitions(shared_case, name):
    """Case 03: a dictionary column ``split``, and the word ``validation``."""
    found, _ = read(shared_case("03") / name)
    assert Counter(r.partition for r in found) == {"train": 30, "val": 6, "test": 6}


@pytest.mark.parametrize("key", ["caption", "captions", "Text"])
def test_a_caption_is_the_title_where_no_other_text_is_there(key):
    """Beside ingredients, steps or a title it may be anything, and stays unused."""
    assert mapped({"id": 1, key: "a soup"}, {})[0]["title"] == "a soup"
    for other in ("title", "name", "ingredients", "step_1", "directions"):
        fields, said = mapped({"id": 1, key: "a soup", other: "x"}, {})
        assert fields.get("title") != "a soup"
        assert said.unused == (key,)
    assert "title" not in mapped({"id": 1, key: "a soup"}, {"title": ""})[0]


def test_each_key_of_a_record_is_looked_at_a_few_times_however_many_there_are(monkeypatch):
    """100,000 keys, a third of them numbered, cost as many words, not as many for each field."""
    names = [f"{word}{'_' * (n % 7)}{n}" for n in range(33_333) for word in ("x", "step ", "tip")]
    words = []
    counted = keys._word
    monkeypatch.setattr(keys, "_word", lambda name: words.append(name) or counted(name))
    fields, said = mapped(dict.fromkeys(names, "Boil."), {})
    assert len(words) <= 3 * len(names)
    assert len(fields["instructions"]) + len(said.unused) == len(names)
    assert said.taken == (("step <n>", "instructions"),)
