"""Embeddings of any system, from files of every kind; and what is told of broken ones."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from seje_ray.recipe1m.records import DataError
from seje_ray.retrieval.arrays import EmbeddingsError, open_arrays
from seje_ray.retrieval.given import read_pairs
from seje_ray.retrieval.labels import as_ids

IDS = ["b", "a", "c"]
IMAGES = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]], dtype=np.float32)
RECIPES = np.array([[0.0, 1.0], [3.0, 4.0], [1.0, 0.0]], dtype=np.float32)
UNIT_IMAGES = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]
UNIT_RECIPES = [[0.0, 1.0], [0.6, 0.8], [1.0, 0.0]]
CATEGORIES = np.array([7, 0, 7])


def columns(rows):
    return pa.array(rows.tolist(), pa.list_(pa.float32(), rows.shape[1]))


def write_npz(folder, **changed):
    arrays = {
        "image_embeddings": IMAGES,
        "recipe_embeddings": RECIPES,
        "ids": np.array(IDS),
        "category_ids": CATEGORIES,
    } | changed
    path = folder / "given.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return [path]


def write_parquet(folder):
    table = pa.table(
        {
            "id": IDS,
            "image_embedding": columns(IMAGES),
            "recipe_embedding": pa.array(RECIPES.tolist()),
            "category_id": CATEGORIES,
        }
    )
    path = folder / "given.parquet"
    pq.write_table(table, path)
    return [path]


def write_shards(folder):
    """Two Parquet files in a folder, as an artifact has them."""
    [whole] = write_parquet(folder)
    shards = folder / "shards"
    shards.mkdir()
    table = pq.read_table(whole)
    pq.write_table(table.slice(0, 2), shards / "00000.parquet")
    pq.write_table(table.slice(2), shards / "00001.parquet")
    return [shards]


def write_safetensors(folder):
    path = folder / "given.safetensors"
    tensors = {
        "image_embeddings": torch.from_numpy(IMAGES),
        "recipe_embeddings": torch.from_numpy(RECIPES).double(),
        "category_ids": torch.from_numpy(CATEGORIES),
    }
    save_file(tensors, path)
    return [path]


def write_npys(folder):
    paths = [folder / "images.npy", folder / "recipes.npy"]
    for path, rows in zip(paths, (IMAGES, RECIPES), strict=True):
        np.save(path, rows)
    return paths


@pytest.mark.parametrize(
    "write", [write_npz, write_parquet, write_shards, write_safetensors, write_npys]
)
def test_every_kind_of_file_gives_the_same_pairs(tmp_path, write):
    """Rows are scaled to length 1; ids and categories are taken where there are some."""
    pairs = read_pairs(write(tmp_path))

    np.testing.assert_allclose(pairs.image_embeddings, UNIT_IMAGES, rtol=1e-6)
    np.testing.assert_allclose(pairs.recipe_embeddings, UNIT_RECIPES, rtol=1e-6)
    assert pairs.image_embeddings.dtype == np.float32
    assert pairs.num_scaled == 2
    has_ids = write not in (write_safetensors, write_npys)
    assert pairs.ids == (tuple(IDS) if has_ids else ("0", "1", "2"))
    if write is write_npys:
        assert pairs.category_ids is None
    else:
        assert pairs.category_ids.tolist() == [1, 0, 1]
    assert not any(pairs.left_out.values())


def test_rows_of_length_one_stay_as_they_are_to_the_last_bit(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    pairs = read_pairs(write_npz(tmp_path, image_embeddings=rows, recipe_embeddings=rows, ids=None,
                                 category_ids=None))  # fmt: skip

    assert pairs.num_scaled == 0
    assert (pairs.image_embeddings == rows).all()


def test_huge_tiny_and_half_precision_rows_are_scaled(tmp_path):
    huge = IMAGES.astype(np.float64) * [[1e200], [1e-200], [1.0]]
    pairs = read_pairs(
        write_npz(tmp_path, image_embeddings=huge, recipe_embeddings=RECIPES.astype(np.float16))
    )

    np.testing.assert_allclose(pairs.image_embeddings, UNIT_IMAGES, rtol=1e-6)
    np.testing.assert_allclose(pairs.recipe_embeddings, UNIT_RECIPES, rtol=1e-3)


def test_two_files_with_ids_are_joined_by_them(tmp_path):
    """Image d and recipe z have no partner."""
    first, second = tmp_path / "i.parquet", tmp_path / "r.parquet"
    pq.write_table(pa.table({"id": ["a", "d", "b"], "image_embedding": columns(IMAGES)}), first)
    pq.write_table(pa.table({"id": ["z", "b", "a"], "embedding": columns(RECIPES)}), second)

    pairs = read_pairs([first, second])

    assert pairs.ids == ("a", "b")
    np.testing.assert_allclose(pairs.image_embeddings, [UNIT_IMAGES[0], UNIT_IMAGES[2]])
    np.testing.assert_allclose(
        pairs.recipe_embeddings, [UNIT_RECIPES[2], UNIT_RECIPES[1]], rtol=1e-6
    )
    assert pairs.left_out == {"images without a recipe": 1, "recipes without an image": 1}


def test_what_embed_writes_is_paired_by_the_recipe_of_a_photo(tmp_path):
    """Recipe r has two photos, s none; one photo is of no recipe."""
    vectors = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]], dtype=np.float32)
    table = pa.table(
        {
            "id": ["r", "s", "r-1", "r-2", "loose"],
            "kind": ["recipe", "recipe", "photo", "photo", "photo"],
            "recipe": pa.array(["r", "s", "r", "r", None]),
            "vector": columns(vectors),
        }
    )
    path = tmp_path / "vectors.parquet"
    pq.write_table(table, path)

    pairs = read_pairs([path])

    assert pairs.ids == ("r",)
    assert pairs.image_embeddings.tolist() == [[0, 1]]
    assert pairs.left_out == {
        "images without a recipe": 0,
        "recipes without an image": 1,
        "further photos, or of no recipe": 2,
    }


def test_ids_categories_and_names_may_be_given_beside_the_files(tmp_path):
    ids, categories = tmp_path / "ids.txt", tmp_path / "categories.npy"
    ids.write_text("x\ny\nz\n", encoding="utf-8")
    np.save(categories, np.array(["soup", "cake", "soup"]))
    path = tmp_path / "other.npz"
    np.savez(path, img=IMAGES, rec=RECIPES)

    pairs = read_pairs(
        [path],
        ids=ids,
        categories=categories,
        names={"image_embeddings": "img", "recipe_embeddings": "rec"},
    )

    assert pairs.ids == ("x", "y", "z")
    assert pairs.category_ids.tolist() == [1, 0, 1]


def test_ids_that_are_numbers_sort_as_numbers():
    assert as_ids(np.array([10, 9, 100]), "ids") == ("010", "009", "100")
    assert as_ids(np.array([b"a", b"b"]), "ids") == ("a", "b")


NAN, ZERO = IMAGES.copy(), IMAGES.copy()
NAN[2, 1], ZERO[1] = np.nan, 0
INFINITE = np.where(np.isnan(NAN), -np.inf, NAN)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_embeddings": NAN}, r"1 of 3 rows hold NaN or infinity; the first is row 2 .*'c'"),
        ({"recipe_embeddings": INFINITE}, "recipe_embeddings: 1 of 3 rows hold NaN or infinity"),
        ({"image_embeddings": ZERO}, r"1 of 3 rows are zero.*the first is row 1 \(id 'a'\)"),
        ({"recipe_embeddings": RECIPES[:2]}, "recipe_embeddings has 2 rows, but there are 3 ids"),
        (
            {"recipe_embeddings": RECIPES[:2], "ids": None, "category_ids": None},
            "has 3 rows, .*recipe_embeddings 2; row",
        ),
        ({"recipe_embeddings": np.ones((3, 5))}, "has 2 dimensions, .* 5; both must be vectors"),
        ({"ids": np.array(["a", "b", "a"])}, "1 of 2 ids stand there more than once, e.g. 'a'"),
        ({"ids": np.array([0.5, 1, 2])}, "ids: expected one text or whole number per row"),
        ({"ids": np.array(["a", 1, None], dtype=object)}, "Python objects, which only pickle"),
        ({"category_ids": np.array([1, 2])}, "has 3 rows, but there are 2 categories"),
        (
            {"image_embeddings": np.ones((3, 2), int)},
            "expected numbers of type float .*found int64",
        ),
        ({"image_embeddings": np.ones(3)}, r"shape \(pairs, dimensions\), found float64 in \(3,\)"),
        ({"image_embeddings": np.ones((0, 2))}, r"found float64 in \(0, 2\)"),
        ({"image_embeddings": np.array([[1, "a"]], object)}, "holds Python objects"),
        ({"image_embeddings": None}, "expected image_embeddings or image_embedding, found recipe_"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_a_line(tmp_path, changed, message):
    paths = write_npz(tmp_path, **changed)

    with pytest.raises(EmbeddingsError, match=message) as told:
        read_pairs(paths)

    assert "\n" not in str(told.value)


class Bomb:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return open, ("exploded", "w")


@pytest.mark.parametrize("name", ["a.pkl", "a.npy", "a.npz", "a.pt"])
def test_a_pickle_is_never_read(tmp_path, monkeypatch, name):
    """Under its own name it is told how to convert it; under another one it is refused."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(EmbeddingsError, match="pickle") as told:
        read_pairs([path, path])

    assert not (tmp_path / "exploded").exists()
    assert ("python -c" in str(told.value)) == (name in ("a.pkl", "a.pt"))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_bytes_of_no_kind_are_not_said_to_be_python_objects(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x93 " * 99)

    with pytest.raises(EmbeddingsError, match="neither NumPy wrote it") as told:
        read_pairs([path, path])

    assert "Python objects" not in str(told.value)


@pytest.mark.parametrize("write", [write_npz, write_parquet, write_safetensors, write_npys])
def test_a_file_that_was_cut_short_is_told(tmp_path, write):
    path = write(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(EmbeddingsError, match="cannot be read") as told:
        read_pairs([path, path])

    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.npz", "no such file"),
        ("a.csv", r"expected .parquet .*; found .csv"),
        ("empty", "a folder without .parquet files"),
        ("one.npy", r"expected two matrices, found one; .*--embeddings images.npy recipes.npy"),
    ],
)
def test_files_of_other_kinds_are_told(tmp_path, name, message):
    (tmp_path / "a.csv").write_text("1,2\n")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "one.npy", IMAGES)

    with pytest.raises(EmbeddingsError, match=message):
        read_pairs([tmp_path / name])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1.0, 2.0], [1.0], [2.0, 1.0]]), "rows of 1 to 2 numbers"),
        (pa.array([[1.0, 2.0], None, [2.0, 1.0]]), "1 of 3 rows are null"),
        (pa.array([[1.0, 2.0], [None, 1.0], [2.0, 1.0]]), "1 numbers are null"),
    ],
)
def test_gaps_in_a_column_are_told(tmp_path, column, message):
    path = tmp_path / "given.parquet"
    pq.write_table(
        pa.table({"image_embedding": column, "recipe_embedding": columns(RECIPES)}), path
    )

    with pytest.raises(EmbeddingsError, match=message):
        read_pairs([path])


def test_files_without_a_common_id_and_unknown_names_are_told(tmp_path):
    first, second = tmp_path / "i.npz", tmp_path / "r.npz"
    np.savez(first, embeddings=IMAGES, ids=np.array(IDS))
    np.savez(second, embeddings=RECIPES, ids=np.array(["x", "y", "z"]))

    with pytest.raises(EmbeddingsError, match="have no id in common"):
        read_pairs([first, second])
    with pytest.raises(EmbeddingsError, match="--map images: expected one of image_embeddings"):
        read_pairs([first, second], names={"images": "a"})
    (tmp_path / "ids.txt").write_text("one\n")
    with pytest.raises(EmbeddingsError, match="has 3 rows, but there are 1 ids"):
        read_pairs([first, second], ids=tmp_path / "ids.txt")


def test_a_small_parquet_file_does_not_fill_the_memory(tmp_path, monkeypatch):
    """An id of nine megabytes that is said thousands of times, and a list of equal numbers."""
    path = tmp_path / "given.parquet"
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["x" * 9_000_000])
    pq.write_table(pa.table({"ids": ids}), path, compression="zstd")
    with pytest.raises(EmbeddingsError, match="a text of 9,000,000 bytes"):
        open_arrays(path).read("ids")
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1 << 20)
    numbers = pa.array([[1.0] * 1_000_000], pa.list_(pa.float32()))
    pq.write_table(pa.table({"image_embeddings": numbers}), path)
    with pytest.raises(DataError, match=r"found a column \(image_embeddings.* that grows to"):
        open_arrays(path).read("image_embeddings")


def test_an_empty_parquet_file_has_empty_arrays(tmp_path):
    """Also one without a row group."""
    pq.write_table(pa.table({"ids": pa.array([], pa.string())}), tmp_path / "given.parquet")
    assert open_arrays(tmp_path / "given.parquet").read("ids").tolist() == []
