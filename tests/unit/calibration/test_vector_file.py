"""A user's file of sentence vectors."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seje_ray.calibration.sentence_encoder import Steps
from seje_ray.calibration.sentence_encoder.given import GivenSentences
from seje_ray.calibration.sentence_encoder.vector_file import (
    ROWS_PER_BATCH,
    SentenceVectorFileError,
    first_id,
    import_sentence_vectors,
)
from seje_ray.recipe1m.records import DataError

FLOATS = pa.list_(pa.float32())
IDS, STEPS = ["b", "a", "a"], [0, 1, 0]
VECTORS = [[1.0, 2.0], [3.0, 4.5], [-5.0, 6.0]]


def table_of(
    ids=IDS, steps=STEPS, vectors=VECTORS, *, ids_as=None, steps_as=None, vectors_as=FLOATS
):
    columns = {
        "id": pa.array(ids, ids_as),
        "step": pa.array(steps, steps_as or pa.int64()),
        "vector": pa.array(vectors, vectors_as),
    }
    return pa.table(columns)


def imported(tmp_path, table, **options):
    """What is found in the file, once it has been imported and saved."""
    path = tmp_path / "vectors.parquet"
    pq.write_table(table, path, **options)
    (tmp_path / "component").mkdir(exist_ok=True)
    import_sentence_vectors(path, tmp_path / "scratch").save(tmp_path / "component")
    return GivenSentences.load(tmp_path / "component")


@pytest.mark.parametrize(
    "table",
    [
        table_of(),
        table_of(vectors_as=pa.list_(pa.float32(), 2), steps_as=pa.uint8()),
        table_of(vectors_as=pa.large_list(pa.float64()), ids_as=pa.large_string()),
        table_of(vectors_as=pa.list_(pa.float16()), ids_as=pa.dictionary(pa.int8(), pa.string())),
        table_of().add_column(0, "note", pa.array(["what else a file has", None, ""])),
    ],
    ids=["list", "fixed-size", "large", "half", "more columns"],
)
def test_vectors_come_in_any_list_of_floats(tmp_path, table):
    found = imported(tmp_path, table)

    vectors, is_missing = found.of([Steps("a", ["x", "y", "z"]), Steps("b", ["x"])])
    assert vectors.tolist() == [[-5, 6], [3, 4.5], [0, 0], [1, 2]]
    assert is_missing.tolist() == [False, False, True, False]
    assert (found.dim, len(found)) == (2, 3)
    assert not list((tmp_path / "scratch").iterdir())


def test_ids_that_are_whole_numbers_are_the_recipes_texts(tmp_path):
    """As recipes with ``"id": 7`` are recipes "7"."""
    found = imported(tmp_path, table_of([7, -1, 7], [0, 0, 1]))

    assert found.has(["7", "7", "-1", "8"], [0, 1, 0, 0]).tolist() == [True, True, True, False]


@pytest.mark.parametrize("row_group_size", [ROWS_PER_BATCH // 2 + 1, None])
def test_a_file_of_several_batches_keeps_every_bit(tmp_path, row_group_size):
    """Row groups smaller and larger than a batch; recipes in random order, first steps first."""
    generator = np.random.default_rng(0)
    numbers = generator.permutation(2 * ROWS_PER_BATCH + 100)
    numbers = numbers[np.argsort(numbers % 3, kind="stable")]
    ids, steps = [f"recipe {n // 3}" for n in numbers], numbers % 3
    vectors = generator.standard_normal((len(numbers), 3)).astype(np.float32)
    table = table_of(ids, steps, vectors.tolist())

    found = imported(tmp_path, table, row_group_size=row_group_size)

    num_recipes = numbers.max() // 3 + 1
    rows, is_missing = found.of([Steps(f"recipe {n}", ["x"] * 3) for n in range(num_recipes)])
    assert rows[numbers].tobytes() == vectors.tobytes()
    assert is_missing.sum() == 3 * num_recipes - len(numbers)


def test_progress_ends_with_all_rows_and_a_second_import_starts_anew(tmp_path):
    """What an interruption left in the scratch folder does not matter."""
    (tmp_path / "scratch").mkdir()
    for name in ("sentence_vectors.npy", "sentence_index.npy"):
        (tmp_path / "scratch" / name).write_bytes(b"left by a killed process" * 100)
    pq.write_table(table_of(), tmp_path / "v.parquet")
    told = []

    imported = import_sentence_vectors(
        tmp_path / "v.parquet", tmp_path / "scratch", lambda *words: told.append(words)
    )

    assert told == [(3, 3, "")]
    assert GivenSentences.load(imported.folder).dim == 2
    assert first_id(tmp_path / "v.parquet") == "b"


MISSING_NUMBER = [[1.0, 2.0], [3.0, None], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (table_of().rename_columns(["id", "number", "vec"]), "found id, number, vec; rename yours"),
        (table_of(ids=[1.5, 2.5, 3.5]), "expected id of text, found double"),
        (table_of(steps_as=pa.float32()), "expected step of whole numbers, found float"),
        (
            table_of(vectors_as=pa.list_(pa.int8()), vectors=[[1]] * 3),
            "expected vector of lists of",
        ),
        (table_of(vectors=["1", "2", "3"], vectors_as=pa.string()), "floats, found string"),
        (table_of([], [], [], ids_as=pa.string()), "expected a row per instruction, found none"),
        (table_of(ids=["b", None, "a"]), r"row 1 \(from 0\) has no id"),
        (table_of(steps=[0, 1, None]), r"row 2 \(from 0\) has no step"),
        (table_of(vectors=[None, [1.0], [2.0]]), r"row 0 \(from 0\) has no vector"),
        (
            table_of(vectors=[[1.0, 2], [3.0], [5.0, 6]]),
            "found 2 numbers first and 1 in step 1 of 'a'",
        ),
        (table_of(vectors=[[], [], []]), "found 0 numbers first and 0 in step 0 of 'b'"),
        (table_of(vectors=MISSING_NUMBER), "expected finite float32 numbers.*step 1 of 'a'"),
        (table_of(vectors=[[1.0, 2], [3, 4], [5, np.inf]]), "finite float32.*step 0 of 'a'"),
        (
            table_of(vectors=[[1.0, 2], [3, 1e39], [5, 6]], vectors_as=pa.list_(pa.float64())),
            "finite float32.*step 1 of 'a'",
        ),
        (table_of(steps=[1, 2, 1]), "expected steps counted from 0, the smallest is 1"),
        (table_of(steps=[0, 1, -1]), "expected steps counted from 0, the smallest is -1"),
        (table_of(steps=[0, 0, 0]), "found 1 rows of steps.*e.g. step 0 of 'a'"),
        (table_of(ids=[7, 7, 7], steps=[0, 0, 0]), "found 2 rows of steps.*e.g. step 0 of 7"),
        (table_of(steps=[0, 2**63, 1], steps_as=pa.uint64()), "expected a Parquet file of id"),
        (
            table_of(ids=pa.array([b"\xff", b"a", b"b"]).view(pa.string())),
            "expected a Parquet file of id, step, vector in UTF-8",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_file_with_another_content_is_one_clear_error(tmp_path, table, message):
    """The column, the row or the step in question is named."""
    path = tmp_path / "broken.parquet"
    pq.write_table(table, path)

    with pytest.raises(SentenceVectorFileError, match=f"^{path}: .*{message}"):
        import_sentence_vectors(path, tmp_path / "scratch")


def test_what_is_wrong_behind_the_first_batch_is_named_by_its_place(tmp_path):
    """Rows are counted over the whole file, lengths compared with its first one."""
    path, row = tmp_path / "v.parquet", ROWS_PER_BATCH + 7
    ids: list[str | None] = [str(n) for n in range(row + 2)]
    vectors = [[1.0]] * row + [[1.0, 2.0]] * 2
    pq.write_table(table_of(ids, [0] * len(ids), vectors), path)
    with pytest.raises(
        SentenceVectorFileError, match=f"1 numbers first and 2 in step 0 of '{row}'"
    ):
        import_sentence_vectors(path, tmp_path)

    ids[row] = None
    pq.write_table(table_of(ids, [0] * len(ids), vectors), path)
    with pytest.raises(SentenceVectorFileError, match=rf"row {row:,} \(from 0\) has no id"):
        import_sentence_vectors(path, tmp_path)


def test_what_is_no_parquet_file_or_is_damaged_is_the_same_error(tmp_path):
    """No file, text, a file cut short, bytes overwritten in the middle."""
    path = tmp_path / "v.parquet"
    with pytest.raises(SentenceVectorFileError, match="no such Parquet file; name one in"):
        import_sentence_vectors(path, tmp_path)
    path.write_text("id,step,vector\n")
    with pytest.raises(SentenceVectorFileError, match="expected a Parquet file"):
        import_sentence_vectors(path, tmp_path)
    vectors = np.random.default_rng(0).standard_normal((3000, 4))
    table = table_of([str(n) for n in range(3000)], [0] * 3000, vectors.tolist())
    pq.write_table(table, path, compression="zstd")
    whole = path.read_bytes()
    for damaged in (whole[:-20], whole[: len(whole) // 2], _overwritten(whole)):
        path.write_bytes(damaged)
        with pytest.raises(SentenceVectorFileError, match="expected a Parquet file"):
            import_sentence_vectors(path, tmp_path)


def _overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(4000) + content[middle + 4000 :]


def test_a_small_file_does_not_fill_the_memory(tmp_path, monkeypatch):
    """An id of nine megabytes that is said thousands of times, and a list of equal numbers."""
    rows = ROWS_PER_BATCH
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 9_000_000])
    table = table_of(IDS[:1] * rows, range(rows), [[1.0]] * rows).set_column(0, "id", ids)
    with pytest.raises(SentenceVectorFileError, match="found a text of 9,000,000 bytes"):
        imported(tmp_path, table, compression="zstd")
    monkeypatch.setattr("seje_ray.limits.MIN_GROWN_BYTES", 1 << 20)
    with pytest.raises(DataError, match=r"found a column \(vector.* that grows to"):
        imported(tmp_path, table_of(["a"], [0], [[1.0] * 1_000_000]))
