"""Kinds of files that people have: each gives the right recipes, or one line of what to do."""

import gzip
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.limits import MEGABYTE
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.records import DataError, Recipe, Reject
from seje_ray.recipe1m.source import open_source
from seje_ray.recipe1m.stored_photos import photo_bytes

PEAS = {"id": "a", "title": "Soup", "ingredients": ["peas", "salt"], "instructions": ["Boil."]}


def read(path, **options):
    """Recipes, rejects, and what was noted."""
    source = open_source(path, **options)
    found = list(source.read())
    recipes = [one for one in found if isinstance(one, Recipe)]
    return recipes, [one for one in found if isinstance(one, Reject)], source.notes


def jpeg(colour="red"):
    """Bytes of a small photo."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def colour_of(image):
    """The middle of a photo, as ingest loads it."""
    loaded = load_image(image, shorter_side=30)
    assert isinstance(loaded, bytes), loaded
    red, green, blue = Image.open(io.BytesIO(loaded)).getpixel((20, 15))
    return max(("red", red), ("green", green), ("blue", blue), key=lambda one: one[1])[0]


# Names of parts


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_parts_give_their_partition_where_no_key_does(tmp_path, suffix):
    """train-00000-of-00002, validation-..., and a folder called test; it is said."""
    names = {"train-00000-of-00002": "train", "validation-00001-of-00002": "val", "test/0": "test"}
    (tmp_path / "test").mkdir()
    for number, name in enumerate(names):
        record = {**PEAS, "id": f"r{number}"}
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([record]), path)
        elif suffix == ".jsonl":
            path.write_text(json.dumps(record))
        else:
            path.write_text(f"id,title,ingredients\n{record['id']},Soup,peas\n")
    recipes, rejects, notes = read(tmp_path)
    assert not rejects
    assert {r.id: r.partition for r in recipes} == {"r0": "train", "r1": "val", "r2": "test"}
    assert "partition by the file's name in 3 of 3 records" in notes.lines()


def test_a_key_wins_over_the_name_of_a_file(tmp_path):
    """What the record says is what is meant."""
    for name in ("train", "test"):
        record = {**PEAS, "id": name, "split": "validation"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record))
    recipes, _, _ = read(tmp_path)
    assert {r.partition for r in recipes} == {"val"}


def test_parts_of_one_partition_are_split_and_said(tmp_path):
    """A download of the hub's train alone: without val nothing could be trained."""
    for number in range(2):
        lines = [json.dumps({**PEAS, "id": f"{number}-{n}"}) for n in range(40)]
        (tmp_path / f"train-0000{number}-of-00002.jsonl").write_text("\n".join(lines))
    recipes, _, notes = read(tmp_path)
    assert {r.partition for r in recipes} == {"train", "val", "test"}
    assert "all files are called train: recipes are split by their ids" in notes.recognition()


def test_a_part_without_a_partition_among_others_is_an_error(tmp_path):
    """A hash of the id could move test recipes into train."""
    for name in ("train", "test", "more"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({**PEAS, "id": name}))
    with pytest.raises(DataError, match=r"more\.jsonl: expected a name that says the partition"):
        read(tmp_path)


def test_files_of_several_formats_are_an_error_that_names_them(tmp_path):
    """The same table twice, perhaps."""
    (tmp_path / "a.csv").write_text("title,ingredients\nSoup,peas\n")
    pq.write_table(pa.Table.from_pylist([PEAS]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"one format, found .*CSV or TSV.*Parquet"):
        open_source(tmp_path)


# Photos inside files


@pytest.mark.parametrize("kind", ["parquet", "stream", "file"])
@pytest.mark.parametrize("form", ["struct", "list", "bytes"])
def test_photos_of_the_hub_are_read_from_where_they_are(tmp_path, kind, form):
    """{bytes, path}, lists of them, bytes alone; asked for in any order."""
    colours = ["red", "green", "blue"] * 7
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    first = {"bytes": jpeg("red"), "path": "x"}
    cells = [{"bytes": jpeg(colour), "path": f"{n}.jpg"} for n, colour in enumerate(colours)]
    columns = {
        "struct": pa.array(cells, struct),
        "list": pa.array([[first, cell] for cell in cells], pa.list_(struct)),
        "bytes": pa.array([cell["bytes"] for cell in cells]),
    }
    table = pa.table(
        {
            "id": [str(n) for n in range(len(cells))],
            "ingredients": [["peas"]] * len(cells),
            "image": columns[form],
        }
    )
    path = tmp_path / f"own.{'parquet' if kind == 'parquet' else 'arrow'}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=5)
    else:
        write = pyarrow.ipc.new_stream if kind == "stream" else pyarrow.ipc.new_file
        with write(path, table.schema) as file:
            file.write_table(table, max_chunksize=4)

    recipes, rejects, _ = read(path)

    assert not rejects
    assert [colour_of(recipe.images[-1]) for recipe in recipes] == colours
    assert [colour_of(recipe.images[-1]) for recipe in reversed(recipes)] == colours[::-1]
    assert len(recipes[0].images) == (2 if form == "list" else 1)


def test_a_cell_of_the_hub_without_bytes_names_a_file(tmp_path):
    """As ``datasets`` writes photos that it does not embed; one elsewhere is not opened."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").write_bytes(jpeg("blue"))
    (tmp_path / "b.jpg").write_bytes(jpeg())
    cells = [{"bytes": None, "path": "a.jpg"}, {"bytes": None, "path": "../b.jpg"}, None]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {"id": ["a", "b", "c"], "ingredients": [["peas"]] * 3, "image": pa.array(cells, struct)}
    )
    pq.write_table(table, tmp_path / "data" / "own.parquet")
    recipes, _, _ = read(tmp_path / "data" / "own.parquet")
    assert colour_of(recipes[0].images[0]) == "blue"
    assert load_image(recipes[1].images[0], shorter_side=30).reason == "missing_file"
    assert recipes[2].images == ()


def test_a_photo_outside_the_folder_is_rejected(tmp_path):
    """By dots or as a whole path; one below it may be named as a whole path."""
    (tmp_path / "in").mkdir()
    names = ["../x.jpg", "/etc/passwd", str(tmp_path / "in" / "b.jpg"), "c.jpg"]
    path = tmp_path / "in" / "own.jsonl"
    path.write_text(json.dumps({**PEAS, "images": names}))
    (recipe,), rejects, _ = read(path)
    assert [image.id for image in recipe.images] == names[2:]
    assert [reject.reason for reject in rejects] == ["outside_folder"] * 2


def add(shard, name, data):
    """Put a file into a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    shard.addfile(member, io.BytesIO(data))


def test_tar_shards_give_texts_and_photos(tmp_path):
    """WebDataset: json, txt, several photos; a link and a broken json cost themselves."""
    with tarfile.open(tmp_path / "shard-000000.tar", "w") as shard:
        add(shard, "x/001.jpg", jpeg("green"))
        add(shard, "x/001.json", json.dumps({"ingredients": ["peas"], "title": "Soup"}).encode())
        add(shard, "x/002.txt", "Crème".encode())
        add(shard, "x/002.0.jpg", jpeg("red"))
        add(shard, "x/002.1.jpg", jpeg("blue"))
        add(shard, "x/003.json", b"{")
        link = tarfile.TarInfo("x/004.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        shard.addfile(link)
    recipes, rejects, notes = read(tmp_path)
    assert [(r.id, r.title, r.ingredients) for r in recipes] == [
        ("x/001", "Soup", ("peas",)),
        ("x/002", "Crème", ()),
    ]
    assert [[colour_of(i) for i in r.images] for r in recipes] == [["green"], ["red", "blue"]]
    assert [reject.reason for reject in rejects] == ["malformed_json"]
    assert notes.recognition().startswith("tar shards (WebDataset); 2 records")


def test_a_packed_tar_and_other_files_are_refused_with_what_to_do(tmp_path):
    """One line each."""
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"x" * 600))
    with pytest.raises(DataError, match=r"packed with gzip; unpack that alone, e\.g\. gzip -d"):
        read(tmp_path / "a.tar.gz")
    for name, advice in {
        "a.zip": "unpack it",
        "a.xlsx": "save the sheet as CSV",
        "a.pkl": "never opened",
        "a.pkl.gz": "never opened",
        "a.txt": "expected a Recipe1M folder, or recipes in a file",
    }.items():
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(DataError, match=advice):
            open_source(tmp_path / name)


# Web pages


STEPS = [
    {"@type": "HowToStep", "name": "Mix", "text": "Mix all."},
    {
        "@type": "HowToSection",
        "name": "Bake",
        "itemListElement": [{"@type": "HowToStep", "text": "180 °C."}],
    },
]
RECIPE = {
    "@context": "https://schema.org",
    "@type": ["Recipe", "NewsArticle"],
    "name": "Cake",
    "recipeIngredient": ["flour", "eggs"],
    "recipeInstructions": STEPS,
    "author": {"@type": "Person", "name": "Ann"},
}


@pytest.mark.parametrize(
    ("image", "ids"),
    [
        ("a.jpg", ["a.jpg"]),
        (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        ({"@type": "ImageObject", "url": "a.jpg"}, ["a.jpg"]),
        ([{"@type": "ImageObject", "contentUrl": "a.jpg"}, "b.jpg"], ["a.jpg", "b.jpg"]),
    ],
)
@pytest.mark.parametrize("layout", ["line", "list", "graph", "page", "folder"])
def test_a_recipe_of_schema_org_is_read_as_scraped(tmp_path, image, ids, layout):
    """In every place where it is found; a section's name is a line before its steps."""
    recipe = {**RECIPE, "image": image}
    graph = {"@graph": [{"@type": "WebSite", "name": "Site"}, recipe]}
    path = tmp_path / ("page.html" if layout in ("page", "folder") else "own.json")
    path.write_text(
        {
            "line": json.dumps(recipe),
            "list": json.dumps([recipe]),
            "graph": json.dumps(graph, indent=1),
        }.get(
            layout,
            "<html><script>var a = 1 < 2;</script><script type='application/ld+json'>"
            f"{json.dumps(graph)}</script></html>",
        )
    )
    (found,), rejects, notes = read(tmp_path if layout == "folder" else path)
    assert not rejects
    assert (found.title, found.ingredients) == ("Cake", ("flour", "eggs"))
    assert found.instructions == ("Mix all.", "Bake", "180 °C.")
    assert [one.id for one in found.images] == ids
    assert "author" in notes.to_facts()["unused"]


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ("<p>Mix.</p><p>Bake.</p>", ("Mix.", "Bake.")),
        ("Mix.\nBake.", ("Mix.", "Bake.")),
        (["Mix.", "Bake."], ("Mix.", "Bake.")),
        ({"@type": "ItemList", "itemListElement": STEPS}, ("Mix all.", "Bake", "180 °C.")),
        ([[{"@type": "HowToStep", "text": "Mix."}]], ("Mix.",)),
        ({"1": "Mix.", "2": "Bake.", "10": "Serve."}, ("Mix.", "Bake.", "Serve.")),
    ],
)
def test_steps_of_any_form_are_lines(tmp_path, steps, lines):
    """Also under our own key, as people rename it."""
    for key in ("recipeInstructions", "instructions"):
        path = tmp_path / "own.jsonl"
        path.write_text(json.dumps({"id": 1, "ingredients": ["peas"], key: steps}))
        (recipe,), _, _ = read(path)
        assert recipe.instructions == lines


def test_ingredients_with_amounts_are_lines(tmp_path):
    """As objects, and as the columns of a Sequence of the hub."""
    objects = [{"quantity": 2.0, "unit": "cups", "name": "flour"}, {"name": "salt", "unit": None}]
    columns = {"name": ["flour", "salt"], "quantity": [2, None], "unit": ["cups", None]}
    for value in (objects, columns):
        path = tmp_path / "own.jsonl"
        path.write_text(json.dumps({**PEAS, "ingredients": value}))
        (recipe,), _, _ = read(path)
        assert recipe.ingredients == ("2 cups flour", "salt")


# Limits and damage


def test_a_record_has_a_limit_in_every_format(tmp_path, monkeypatch):
    """Its neighbours are read."""
    monkeypatch.setattr("seje_ray.limits.MAX_RECORD_CHARS", 2000)
    large = {**PEAS, "id": "large", "title": "x" * 3000}
    rows = [{**PEAS, "id": "first"}, large, {**PEAS, "id": "last"}]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    cells = [f"{r['id']},{r['title']},peas" for r in rows]
    (tmp_path / "own.csv").write_text("\n".join(["id,title,ingredients", *cells]))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "own.parquet")
    with pyarrow.ipc.new_file(tmp_path / "own.arrow", pa.Table.from_pylist(rows).schema) as file:
        file.write_table(pa.Table.from_pylist(rows))
    with tarfile.open(tmp_path / "own.tar", "w") as shard:
        for row in rows:
            add(shard, f"{row['id']}.json", json.dumps(row).encode())
    (tmp_path / "wrapped.json").write_text(json.dumps({"recipes": rows}))
    for path in sorted(tmp_path.iterdir()):
        recipes, rejects, _ = read(path)
        assert [recipe.id for recipe in recipes] == ["first", "last"], path
        assert [reject.reason for reject in rejects] == ["record_too_large"], path


def test_a_small_file_that_repeats_a_large_text_does_not_fill_the_memory(tmp_path):
    """Twenty thousand titles of five megabytes are one in Parquet: 100 GB as Python's texts."""
    number = 20_000
    title = pa.DictionaryArray.from_arrays(pa.array([0] * number, pa.int32()), ["x" * 9_000_000])
    table = pa.table(
        {"id": [str(n) for n in range(number)], "title": title, "ingredients": [["peas"]] * number}
    )
    path = tmp_path / "own.parquet"
    pq.write_table(table, path, compression="zstd")
    recipes, rejects, _ = read(path)
    assert not recipes
    assert {reject.reason for reject in rejects} == {"record_too_large"}
    assert len(rejects) == number


def test_lists_that_repeat_a_large_text_do_not_fill_the_memory(tmp_path):
    """A hundred texts of a megabyte in each of 64 lists are one in Parquet; so are photos."""
    rows, each = 64, 100
    offsets = pa.array(range(0, rows * each + 1, each), pa.int32())
    ids = [str(n) for n in range(rows)]
    plain = pa.table({"id": ids, "title": ["Soup"] * rows})
    for name, value in (("ingredients", "x" * MEGABYTE), ("images", b"\xff\xd8" * MEGABYTE)):
        once = pa.DictionaryArray.from_arrays(pa.array([0] * rows * each, pa.int32()), [value])
        table = plain.append_column(name, pa.ListArray.from_arrays(offsets, once))
        path = tmp_path / "own.parquet"
        pq.write_table(table, path, compression="zstd", store_schema=False)
        before = pa.default_memory_pool().max_memory()
        recipes, rejects, _ = read(path)
        grown = pa.default_memory_pool().max_memory() - before
        assert grown < 64 * MEGABYTE
        if name == "ingredients":
            assert [reject.reason for reject in rejects] == ["record_too_large"] * rows
        else:
            assert [len(recipe.images) for recipe in recipes] == [each] * rows
            assert photo_bytes(recipes[-1].images[-1].location) == value
            assert pa.default_memory_pool().max_memory() - before < 64 * MEGABYTE


@pytest.mark.parametrize("options", [{}, {"row_group_size": 7, "dictionary_pagesize_limit": 64}])
def test_lists_of_lists_and_of_structs_are_read_whatever_their_pages(tmp_path, options):
    """Of several row groups, and where a writer gives its dictionary up on the way."""
    rows = [
        {
            "id": str(n),
            "title": f"Soup {n % 3}",
            "ingredients": [f"{n % 5} peas", f"{n} salt"] if n % 4 else ["water"],
            "instructions": [{"text": f"Boil {n}."}, {"text": "Serve."}],
        }
        for n in range(100)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "own.parquet", **options)
    recipes, rejects, _ = read(tmp_path / "own.parquet")
    assert not rejects
    assert [recipe.ingredients for recipe in recipes] == [tuple(r["ingredients"]) for r in rows]
    assert [recipe.instructions[0] for recipe in recipes] == [f"Boil {n}." for n in range(100)]


def test_texts_beside_lists_of_nothing_but_nulls_are_read(tmp_path):
    """As a table of the hub has them: names in a struct of lists, whose quantities nobody gave."""
    names = [[f"egg {n}", "salt", "flour"] for n in range(40)]
    ingredients = pa.StructArray.from_arrays(
        [
            pa.array(names, pa.list_(pa.string())),
            pa.array([[None] * 3] * 40, pa.list_(pa.null())),
        ],
        ["name", "qty"],
    )
    ids = [str(n) for n in range(40)]
    table = pa.table({"id": ids, "title": ["Soup"] * 40, "ingredients": ingredients})
    pq.write_table(table, tmp_path / "own.parquet")

    recipes, _, _ = read(tmp_path / "own.parquet")

    assert [list(recipe.ingredients) for recipe in recipes] == names


def test_a_column_that_grows_as_no_text_does_is_refused(tmp_path, monkeypatch):
    """A list of a million equal numbers in some bytes; by what the file says of itself."""
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1 << 20)
    numbers = pa.ListArray.from_arrays([0, 1_000_000], pa.array([0]).take([0] * 1_000_000))
    table = pa.table({"id": ["a"], "title": ["Soup"], "ingredients": numbers})
    pq.write_table(table, tmp_path / "own.parquet")
    with pytest.raises(DataError, match=r"found a column \(ingredients.* that grows to 8,000,"):
        read(tmp_path / "own.parquet")


def test_a_bomb_and_a_cut_file_are_told(tmp_path, monkeypatch):
    """What grows as no text does is refused; of a file that is cut the rest is read."""
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1 << 20)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b"\n" * (8 << 20)))
    with pytest.raises(DataError, match="found gzip that grows to more than 500 times its size"):
        read(tmp_path / "bomb.jsonl.gz")
    lines = [json.dumps({**PEAS, "id": f"r{n}", "title": f"{n * n}"}) for n in range(50_000)]
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    recipes, rejects, _ = read(tmp_path / "cut.jsonl.gz")
    assert 10_000 < len(recipes) < 40_000
    assert "truncated_file" in [reject.reason for reject in rejects]


def test_a_wrong_row_of_a_table_costs_itself(tmp_path):
    """More cells than the header; fewer are empty ones; a NUL is no text."""
    (tmp_path / "own.csv").write_text(
        'id,title,ingredients\na,Soup,"peas\nsalt"\nb,Soup,peas,salt\nc,Soup\nd,So\0up,peas\n'
    )
    recipes, rejects, _ = read(tmp_path / "own.csv")
    assert [(r.id, r.ingredients) for r in recipes] == [("a", ("peas", "salt")), ("c", ())]
    assert [reject.reason for reject in rejects] == ["malformed_row", "invalid_unicode"]


def test_damage_in_wrapped_files_costs_one_record(tmp_path):
    """In a list inside an object, and among recipes by id; a missing end is told."""
    rows = [json.dumps({**PEAS, "id": f"r{n}"}) for n in range(5)]
    broken = [*rows[:2], rows[2].replace('"salt"]', '"salt"'), *rows[3:]]
    ids = ",\n".join(f'"k{n}": {row}' for n, row in enumerate(broken))
    for text in (
        '{"version": 1, "recipes": [' + ",\n".join(broken) + "]}",
        "{" + ids + "}",
    ):
        (tmp_path / "own.json").write_text(text)
        recipes, rejects, _ = read(tmp_path / "own.json")
        assert [r.id for r in recipes] == ["r0", "r1", "r3", "r4"]
        assert rejects[0].reason == "malformed_json"
        (tmp_path / "own.json").write_text(text[:-3])
        assert read(tmp_path / "own.json")[1][-1].reason in ("truncated_file", "malformed_json")


def test_large_wrapped_files_are_streamed(tmp_path, monkeypatch):
    """Where the first object is larger than a record may be, it is read member by member."""
    monkeypatch.setattr("seje_ray.limits.MAX_RECORD_CHARS", 3000)
    rows = [{**PEAS, "id": f"r{n}", "title": "x" * 50} for n in range(100)]
    for whole in ({"n": 100, "recipes": rows}, {row["id"]: row for row in rows}):
        (tmp_path / "own.json").write_text(json.dumps(whole))
        recipes, rejects, _ = read(tmp_path / "own.json")
        assert not rejects
        assert [r.id for r in recipes] == [row["id"] for row in rows]


def test_lists_called_as_partitions_are_partitions(tmp_path):
    """{"train": [...], "validation": [...]}"""
    whole = {"train": [PEAS], "validation": [{**PEAS, "id": "b"}]}
    (tmp_path / "own.json").write_text(json.dumps(whole))
    recipes, _, _ = read(tmp_path / "own.json")
    assert [(r.id, r.partition) for r in recipes] == [("a", "train"), ("b", "val")]


def test_a_table_by_columns_is_refused_with_the_way_to_write_it(tmp_path):
    """pandas' to_json without orient."""
    columns = {"title": {"0": "Soup", "1": "Cake"}, "ingredients": {"0": ["a"], "1": ["b"]}}
    (tmp_path / "own.json").write_text(json.dumps(columns))
    with pytest.raises(DataError, match=r"orient='records', lines=True"):
        read(tmp_path / "own.json")


@pytest.mark.parametrize("encoding", ["gb18030", "cp1251", "cp1250", "shift_jis"])
def test_an_encoding_that_is_not_certain_is_not_taken_for_windows_1252(tmp_path, encoding):
    """Its records are rejected, and the line says so."""
    title = {"gb18030": "番茄鸡蛋汤", "cp1251": "Борщ и щи", "shift_jis": "味噌汁の作り方"}
    record = {**PEAS, "title": title.get(encoding, "żółte pączki z różą, gołąbki i śledź")}
    (tmp_path / "own.jsonl").write_bytes(json.dumps(record, ensure_ascii=False).encode(encoding))
    recipes, rejects, notes = read(tmp_path / "own.jsonl")
    assert not recipes
    assert rejects[0].reason in ("invalid_unicode", "malformed_json")
    assert "an encoding that is not known" in notes.recognition()


def test_recipes_without_a_key_for_an_id_get_one_of_their_texts(tmp_path):
    """It moves with the recipe; the same recipe twice is a duplicate; an empty cell has none."""
    record = {key: value for key, value in PEAS.items() if key != "id"}
    other = {**record, "title": "Cake"}
    for rows in ([record, other, record], [other, record]):
        path = tmp_path / "own.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        recipes, rejects, notes = read(path)
        assert {r.title: r.id for r in recipes} == {
            "Soup": "made-" + recipes[[r.title for r in recipes].index("Soup")].id[5:],
            "Cake": recipes[[r.title for r in recipes].index("Cake")].id,
        }
        assert [r.reason for r in rejects] == ["duplicate_id"] * (len(rows) - 2)
        assert any(line.startswith("no id in") for line in notes.lines())
    path.write_text(json.dumps({**record, "id": None}))
    assert read(path)[1][0].reason == "missing_id"
