"""Cells as tables and web pages leave them: the right lines, and what is said."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.recipe1m.markup import listed, plain_text
from seje_ray.recipe1m.records import Recipe, Reject
from seje_ray.recipe1m.source import open_source

SOUP = {"id": "a", "title": "Pea soup", "ingredients": ["1 cup peas"], "instructions": ["Boil."]}


def read(path, records, **options):
    """What JSON lines of the records give, and the notes."""
    path.write_text("\n".join(map(json.dumps, records)))
    source = open_source(path, **options)
    return list(source.read()), source.notes


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Fish &amp; chips", "Fish & chips"),
        ("1&nbsp;cup &frac12; &#189; &#xBD;", "1 cup ½ ½ ½"),
        ("350&amp;deg;F", "350°F"),
        ("&amp;amp;amp; thrice", "&amp; thrice"),
        ("<p>Boil.</p><p>Serve <b>hot</b>.</p>", "Boil.\nServe hot."),
        ("Boil.<br/>Serve.<BR>Eat.", "Boil.\nServe.\nEat."),
        ("<ul><li>peas</li>\n<li class='x'>salt</li></ul>", "peas\nsalt"),
        ("&lt;p&gt;Boil.&lt;/p&gt;", "Boil."),
        ("a<script>x < 1</script><style>p {}</style><!-- no -->b", "a b"),
        ("<td>1</td><td>cup</td>", "1 cup"),
        ("1<sup>1</sup>/<sub>2</sub> cup", "1 1/2 cup"),
        ("<span>1</span><SUP class=x><b>1</b></SUP>/<sub>2</sub> cup", "1 1/2 cup"),
        ("<sup>1</sup>/<sub>2</sub> cup H<sub>2</sub>O", "1/2 cup H2O"),
        ("1&nbsp;<sup>1/2</sup>, 2<sup>nd</sup>", "1 1/2, 2nd"),
        (
            "<!DOCTYPE html><html lang=en><head><title>Soup</title></head><body>Boil."
            "<aside>Rest.</aside><label for=x>Eat</label> <kbd>it</kbd>.</body></html>",
            "Soup\nBoil.\nRest.\nEat it.",
        ),
        ("a<!-- 1 -->b<!-- 2 --><STYLE>p</style >c<!-- d", "a b c<!-- d"),
        ("<!-- <script> -->a<script>b<!-- c</script>d-->", "a d-->"),
        ("boil < 5 min, > 3 min & rest <3 M&Ms &unknown; <foo>", None),
        ("salt &copy pepper", None),
    ],
)
def test_marks_of_web_pages_are_taken_away(text, plain):
    """What is no mark of HTML stays as it is."""
    assert plain_text(text) == (text if plain is None else plain)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["1 cup peas", "salt"]', ["1 cup peas", "salt"]),
        ("['1 cup peas', \"baker's salt\"]", ["1 cup peas", "baker's salt"]),
        ("['1 cup peas' 'salt'\n 'oil']", ["1 cup peas", "salt", "oil"]),
        ("['say \"a\" \"b\"', 'salt']", ['say "a" "b"', "salt"]),
        ('c("peas", "salt")', ["peas", "salt"]),
        ("[]", []),
        ("character(0)", []),
        ('c("peas", NA, "NA", NA_character_)', ["peas", None, "NA", None]),
        ("c('a \\'NA\\'', NA)", ["a 'NA'", None]),
        ("[None, 'salt']", [None, "salt"]),
        ('[{"text": "peas"}, null]', [{"text": "peas"}, None]),
        ("[1]", None),
        ("[['a'], ['b']]", [["a"], ["b"]]),
        ('["a", 2]', ["a", 2]),
        ("[true]", None),
        ("c(1, 2)", None),
        ('c("peas', None),
        ("[see the note] boil", None),
        ("[optional]", None),
        ("c(1", None),
        ("peas, salt", None),
        ("[" * 100_000 + "]", None),
    ],
)
def test_a_list_inside_a_text_is_that_list(text, found):
    """As JSON, Python, NumPy and R write it; other brackets are text."""
    assert listed(text) == found


@pytest.mark.parametrize(
    "text", ["[1]", "[[1], 2.5]", "[True, 'a']", "(1, 2)", "(a)", "('a')", "{'a': 1}"]
)
@pytest.mark.parametrize("in_list", [True, False])
def test_a_text_that_looks_like_a_list_of_other_things_stays_a_line(tmp_path, text, in_list):
    """It costs no recipe."""
    record = {**SOUP, "ingredients": [text] if in_list else text}
    (recipe,), notes = read(tmp_path / "own.jsonl", [record])
    assert recipe.ingredients == (text,)
    assert notes.lines() == []


@pytest.mark.parametrize(
    "text",
    [
        "['salt', nan, 2, 'egg']",
        '["salt", NaN, 2, "egg"]',
        "['salt', None, 2.5, 'egg']",
        "('salt', 2, 'egg')",
        "{'salt', -2, 'egg'}",
        "[['salt', 2], ['egg']]",
        "[('salt',), {2, 'egg'}]",
    ],
)
def test_a_list_inside_a_text_may_hold_more_than_texts(tmp_path, text):
    """NaN says nothing, a number costs itself and is said; tuples and sets keep their order."""
    (recipe,), notes = read(tmp_path / "own.jsonl", [{**SOUP, "ingredients": text}])
    assert recipe.ingredients == ("salt", "egg")
    assert notes.lists == {"ingredients": 1}
    assert notes.numbers == {"ingredients": 1}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([{"name": "Dough", "steps": [{"step": "Mix"}]}], ("Dough", "Mix")),
        ({"name": "Dough", "steps": [{"step": "Mix"}]}, ("Dough", "Mix")),
        ({"steps": [{"step": "Mix"}]}, ("Mix",)),
        ([{"name": "", "steps": [{"number": 1, "step": "Mix", "equipment": [{"name": "bowl"}]}]}],
         ("Mix",)),
        ([{"name": "Dough", "items": ["flour", {"quantity": 1, "name": "egg", "tags": ["a b"]}]}],
         ("Dough", "flour", "1 egg")),
        ([{"section": "Dough", "ingredients": ["flour"]}, {"title": "Top", "xs": ["egg"]}],
         ("Dough", "flour", "Top", "egg")),
        ([{"text": "", "name": "Mix"}, {"text": " ", "step": "Bake"}], ("Mix", "Bake")),
        ([{"name": "salt", "tags": ["sea salt"], "amount": None}], ("salt",)),
        ([{"@type": "HowToSection", "name": "Dough", "steps": ["Mix"]}], ("Dough", "Mix")),
        ([{"@type": "HowToStep", "name": "N", "itemListElement": {"text": "Mix"}}], ("Mix",)),
    ],
)  # fmt: skip
def test_lists_inside_objects_keep_their_lines(tmp_path, lines, found):
    """A section's name is a line before its own; what a step lists beside its text is none."""
    (recipe,), _ = read(tmp_path / "own.jsonl", [{**SOUP, "instructions": lines}])
    assert recipe.instructions == found


@pytest.mark.parametrize("number", [3, 1.5, {"text": 3}])
@pytest.mark.parametrize("has_entities", [True, False])
def test_a_number_among_lines_costs_the_line(tmp_path, number, has_entities):
    """It is said, and keeps its place where entities count the lines."""
    entities = {"entities": [{"text": "peas", "valid": True}] * 2} if has_entities else {}
    record = {**SOUP, "ingredients": [number, "peas"], "instructions": ["Boil.", 7], **entities}
    (recipe,), notes = read(tmp_path / "own.jsonl", [record])
    assert recipe.ingredients == (("", "peas") if has_entities else ("peas",))
    assert recipe.instructions == ("Boil.",)
    assert (recipe.entities is not None) == has_entities
    assert notes.numbers == {"ingredients": 1, "instructions": 1}


@pytest.mark.parametrize("repeated", ["<!--", "<script>", "<style>x", "<!--<script>", "1<sup>"])
@pytest.mark.parametrize("before", ["", "-->", "a</script>"])
def test_what_never_ends_is_looked_for_once(repeated, before):
    """Half a megabyte is read like any other text; looking for each takes 10^10 steps."""
    text = before + repeated * 100_000
    assert plain_text(text) == (text if "sup" not in repeated else before + "1" + " 1" * 99_999)


def test_marks_and_lists_give_the_right_recipe_and_are_said(tmp_path):
    """Two recipes, one of them plain."""
    marked = {
        "id": "b",
        "title": "Fish &amp; chips<br>",
        "ingredients": "['1&nbsp;fish', '2 &lt; 3 potatoes']",
        "instructions": "<ol><li>Cut.</li><li>Fry.</li></ol>",
    }
    (_, recipe), notes = read(tmp_path / "own.jsonl", [SOUP, marked])
    assert recipe.title == "Fish & chips"
    assert recipe.ingredients == ("1 fish", "2 < 3 potatoes")
    assert recipe.instructions == ("Cut.", "Fry.")
    assert notes.lines() == [
        "entities and tags of web pages taken away: ingredients in 1 of 2 records, "
        "instructions in 1 of 2 records, title in 1 of 2 records",
        "a list written as text, read as a list: ingredients in 1 of 2 records",
    ]


def test_lines_stay_with_their_entities(tmp_path):
    """A line that a tag ends, and a null, keep their place where entities count them."""
    entities = [{"text": "peas", "valid": True}, {"text": "", "valid": False}]
    record = {**SOUP, "ingredients": ["<p>1 cup</p>peas", None], "entities": entities}
    (recipe,), _ = read(tmp_path / "own.jsonl", [record])
    assert recipe.ingredients == ("1 cup peas", "")
    assert recipe.entities is not None


def test_one_line_for_all_is_said_with_the_setting_that_splits_it(tmp_path):
    """A comma, and sentences; each of the settings that is named does what it says."""
    records = [
        {**SOUP, "id": n, "ingredients": "1 cup peas, salt", "instructions": "Boil it. Eat 1.5."}
        for n in range(3)
    ]
    path = tmp_path / "own.jsonl"
    _, notes = read(path, records)
    assert notes.lines() == [
        "every recipe has one line of ingredients; --set 'data.separator={ingredients: \", \"}' "
        "splits it",
        "every recipe has one line of instructions; --set 'data.separator={instructions: \". \"}' "
        "splits it",
    ]
    found, notes = read(path, records, separator={"ingredients": ", ", "instructions": ". "})
    assert found[0].ingredients == ("1 cup peas", "salt")
    assert found[0].instructions == ("Boil it.", "Eat 1.5.")
    assert notes.problem() is None
    assert notes.lines() == [
        "split by data.separator: ingredients in 3 of 3 records, instructions in 3 of 3 records"
    ]
    found, _ = read(path, records, separator=",")
    assert found[0].ingredients == ("1 cup peas", "salt")


def test_a_separator_that_no_text_has_is_an_error(tmp_path):
    """Rather than nothing."""
    _, notes = read(tmp_path / "own.jsonl", [SOUP], separator="|")
    assert "with '|' in it, found none in 1 records" in str(notes.problem())


@pytest.mark.parametrize("empty", [None, float("nan"), "", " ", [], 7, 1.5])
@pytest.mark.parametrize("field", ["title", "ingredients", "images"])
def test_an_empty_cell_costs_the_cell(tmp_path, empty, field):
    """The recipe stays with the rest, and numbers are said."""
    (recipe,), notes = read(tmp_path / "own.jsonl", [{**SOUP, "images": "a.jpg", field: empty}])
    assert not getattr(recipe, field)
    assert recipe.instructions == ("Boil.",)
    is_number = empty in (7, 1.5)
    assert any(line.startswith("a number") for line in notes.lines()) == is_number


def test_empty_partitions_and_entities_are_none(tmp_path):
    """A table's NaN: the partition is drawn, nothing is rejected."""
    record = {**SOUP, "partition": float("nan"), "entities": float("nan")}
    (recipe,), _ = read(tmp_path / "own.jsonl", [record])
    assert recipe.entities is None
    assert recipe.partition in ("train", "val", "test")


def test_null_lines_are_skipped(tmp_path):
    """In every list."""
    record = {
        "id": 1,
        "ingredients": [None, "peas", float("nan"), {"text": None}, {"text": "salt"}],
        "instructions": ["Boil.", None],
        "images": [None, "a.jpg", ""],
    }
    (recipe,), _ = read(tmp_path / "own.jsonl", [record])
    assert recipe.ingredients == ("peas", "salt")
    assert recipe.instructions == ("Boil.",)
    assert [image.id for image in recipe.images] == ["a.jpg"]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_row_per_photo_is_one_recipe_with_its_photos(tmp_path, suffix):
    """In any order; other texts, and the same photo again, are a duplicate."""
    rows = [
        {**SOUP, "images": "1.jpg"},
        {**SOUP, "id": "b", "images": "b.jpg"},
        {**SOUP, "images": "2.jpg"},
        {**SOUP, "images": "3.jpg"},
        {**SOUP, "images": "1.jpg"},
        {**SOUP, "images": "4.jpg", "title": "Another soup"},
    ]
    path = tmp_path / f"own{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        source = open_source(path)
        found, notes = list(source.read()), source.notes
    else:
        found, notes = read(path, rows)
    recipes = [one for one in found if isinstance(one, Recipe)]
    assert {r.id: [image.id for image in r.images] for r in recipes} == {
        "a": ["1.jpg", "2.jpg", "3.jpg"],
        "b": ["b.jpg"],
    }
    assert [one.reason for one in found if isinstance(one, Reject)] == ["duplicate_id"] * 2
    assert "rows of a further photo, added to their recipe: 2" in notes.lines()


def recipes_of(path):
    """Usable recipes of a file."""
    return {r.id: r for r in open_source(path).read() if isinstance(r, Recipe)}


def test_a_table_of_list_literals_gives_the_lines_of_the_cookbook(shared_case):
    """Case 01: no recipe has one line "['2 cups flour', ...]"; the comma table is named."""
    folder = shared_case("01")
    recipes = recipes_of(folder / "renamed.jsonl")
    assert len(recipes) == 56
    assert not any(line.startswith("[") for r in recipes.values() for line in r.ingredients)
    assert max(len(recipe.ingredients) for recipe in recipes.values()) > 5
    source = open_source(folder / "commas.jsonl")
    list(source.read())
    assert any("data.separator={ingredients" in line for line in source.notes.lines())


def test_a_scraped_cookbook_reads_as_the_plain_one(shared_case):
    """Case 10 is case 00 with marks and longer titles."""
    plain = recipes_of(shared_case("00") / "recipes.jsonl")
    scraped = open_source(shared_case("10") / "recipes.jsonl")
    found = {recipe.id: recipe for recipe in scraped.read() if isinstance(recipe, Recipe)}
    assert len(found) == 76
    for id_ in found.keys() & plain.keys():
        assert found[id_].ingredients == plain[id_].ingredients
        assert found[id_].instructions == plain[id_].instructions
        assert found[id_].title == plain[id_].title + " & more"
