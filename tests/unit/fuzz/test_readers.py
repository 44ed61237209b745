"""Files that were damaged at random, and those that once did harm: an error of ours, or records.

The examples are the same in each run, so that a failure is of a change of the code; with
SEJE_RAY_FUZZ set in the environment they are others each time. What a search finds is put into
``corpus/READER/``, where it is read for ever.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.fuzz.readers import READERS, Reader

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of what a photo's tags lack

CORPUS = Path(__file__).parent / "corpus"
SHORT, LONG = 12, 500  # examples per reader

PLACE = st.floats(0, 1)
MARKS = (
    *(b'"', b"{", b"}", b"[", b"]", b"\\", b"\n", b"\0", b"\xff", b",,", b"NaN", b"\xef\xbb\xbf"),
    *(b"&a [*a]", b"<<: *a", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"\x7f\xff\xff\xff"),
)
SOME = st.binary(max_size=8) | st.sampled_from(MARKS)
KINDS = ("flip", "drop", "put", "twice", "cut")
CHANGES = st.lists(st.tuples(st.sampled_from(KINDS), PLACE, PLACE, SOME), min_size=1, max_size=4)


def damaged(good: bytes, changes: list[tuple[str, float, float, bytes]]) -> bytes:
    """The bytes of a file after these changes, one after the other."""
    data = good
    for kind, first, second, new in changes:
        begin, end = sorted((int(first * len(data)), int(second * len(data))))
        if kind == "flip" and begin < len(data):
            data = data[:begin] + bytes([data[begin] ^ (1 << (end % 8))]) + data[begin + 1 :]
        elif kind == "drop":
            data = data[:begin] + data[end:]
        elif kind == "put":
            data = data[:begin] + new + data[begin:]
        elif kind == "twice":
            data = data[:end] + data[begin:]
        elif kind == "cut":
            data = data[:begin]
    return data


def tried(reader: Reader, data: bytes) -> None:
    """Read the bytes as a file of the reader's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / reader.name
        path.write_bytes(data)
        reader.read(path)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_good_file_and_its_damaged_likes_end_in_records_or_one_error(reader):
    """Short; the same thing long is slow."""
    _search(reader, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_many_more_damaged_files_end_in_records_or_one_error(reader):
    """For ``make test-all``."""
    _search(reader, LONG)


def _search(reader: Reader, num_examples: int) -> None:
    tried(reader, reader.good)

    @settings(
        max_examples=num_examples,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize="SEJE_RAY_FUZZ" not in os.environ,
    )
    @given(changes=CHANGES)
    def found(changes: list[tuple[str, float, float, bytes]]) -> None:
        tried(reader, damaged(reader.good, changes))

    found()


@pytest.mark.parametrize(
    "path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_a_file_that_once_did_harm_does_none(path):
    """Each lies in a folder called as its reader's good file."""
    reader = next(reader for reader in READERS if reader.name == path.parent.name)
    tried(reader, path.read_bytes())
