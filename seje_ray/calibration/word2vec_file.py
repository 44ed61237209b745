"""Word vectors in the formats that people publish, to take from elsewhere and to give away."""

import gzip
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from seje_ray import limits
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.errors import SejeError
from seje_ray.recipe1m.text_files import text_lines

TEXT_SUFFIXES = (".txt", ".vec")  # written as text; any other suffix is the binary format
HEAD_BYTES = 1 << 16
GZIP = b"\x1f\x8b"
FASTTEXT = struct.pack("<i", 793712314)  # how its .bin begins
OTHERS = {
    b"PK\x03\x04": "a zip file; unpack it first",
    b"\x80": "a pickle, which can run code when it is read; save the vectors with gensim's "
    "save_word2vec_format",
    b"\x93NUMPY": "a NumPy array without words; write a line of text per word",
    b"PAR1": "a Parquet file; write a line of text per word",
    b"\x89HDF": "an HDF5 file; write a line of text per word",
}  # how other files begin
READING = (
    ValueError,
    EOFError,
    IndexError,
    OverflowError,
    OSError,
    zlib.error,
    AssertionError,
    struct.error,
    NotImplementedError,
    UnicodeError,
)


class WordVectorFileError(SejeError):
    """A file holds no word vectors that are read."""


def read_word2vec(path: Path) -> WordVectors:
    """Read word vectors: of word2vec (text or binary), GloVe, or fastText; its bytes say which.

    Text has a word and its numbers in a line, with or without a first line of counts, and may be
    packed (.gz). Of a word that occurs twice the first vector is taken. Words keep their case;
    the tokens of recipes are lower case, entities of several words are joined by ``_``. Of
    fastText's own ``.bin`` the words that it was trained on are taken, with their n-grams.

    Raises:
        WordVectorFileError: If there is no such file, or it cannot be read as one.
    """
    if not path.is_file():
        raise WordVectorFileError(
            f"{path}: no such file of word vectors; name one in calibrate.word_vectors.file, or "
            "null to fit word vectors on the train recipes"
        )
    try:
        words, vectors = _read(path)
    except (*READING, MemoryError) as error:
        if isinstance(error, WordVectorFileError):
            raise
        raise WordVectorFileError(
            f"{path}: expected word vectors, as word2vec, GloVe or fastText write them, found "
            f"something else or damage ({type(error).__name__}: {error}); see docs/data.md, Files "
            "beside the recipes"
        ) from error
    if not len(words):
        raise WordVectorFileError(f"{path}: expected word vectors, found none")
    if not np.isfinite(vectors).all():
        raise WordVectorFileError(f"{path}: expected finite numbers, found NaN or infinite ones")
    return WordVectors(words, vectors)


def _read(path: Path) -> tuple[Sequence[str], np.ndarray]:
    """Words (V,) and vectors (V, E) float32 of whichever format it is."""
    head = _head(path)
    if head.startswith(FASTTEXT):
        from gensim.models.fasttext import load_facebook_vectors

        found = load_facebook_vectors(str(path))
        return found.index_to_key, np.asarray(found.vectors, np.float32)
    for start, what in OTHERS.items():
        if head.startswith(start):
            raise WordVectorFileError(
                f"{path}: expected word vectors, as word2vec, GloVe or fastText write them, found "
                f"{what}"
            )
    if _is_binary(head):
        from gensim.models import KeyedVectors

        _require_room(path, head)
        found = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
        return found.index_to_key, found.vectors
    return _rows(path, text_lines(path))


def _require_room(path: Path, head: bytes) -> None:
    """Check the counts of the binary format against the file: memory is taken by what they say.

    Raises:
        WordVectorFileError: If the file is too small for them.
    """
    num_words, dim = map(int, head.partition(b"\n")[0].split())
    _require_dim(path, dim)
    growth = limits.MAX_GROWTH if _is_packed(path) else 1
    if num_words * (4 * dim + 2) > path.stat().st_size * growth:
        raise WordVectorFileError(
            f"{path}: expected {num_words:,} words of {dim:,} numbers, as it says, found "
            f"{path.stat().st_size:,} bytes: its end is missing, or the counts are wrong"
        )


def _require_dim(path: Path, dim: int) -> None:
    if dim > limits.MAX_VECTOR_DIM:
        raise WordVectorFileError(
            f"{path}: expected at most {limits.MAX_VECTOR_DIM:,} numbers per word, found {dim:,}"
        )


def _head(path: Path) -> bytes:
    """First bytes, unpacked."""
    with gzip.open(path) if _is_packed(path) else path.open("rb") as file:
        return bytes(file.read(HEAD_BYTES))


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP


def _is_binary(head: bytes) -> bool:
    """Whether numbers of word2vec's binary format stand behind the first line of counts."""
    first, _, rest = head.partition(b"\n")
    if len(first.split()) != 2 or not all(
        count.isdigit() and len(count) < 19 for count in first.split()
    ):
        return False
    try:
        return not [float(number) for number in rest.split(b"\n")[0].split()[1:]]
    except ValueError:
        return True


def _rows(path: Path, lines: Iterable[str]) -> tuple[list[str], np.ndarray]:
    """Words and vectors of text; the first line may be counts."""
    vectors: dict[str, np.ndarray] = {}
    dim = num_expected = num_repeated = 0
    for number, line in enumerate(lines, start=1):
        line = line.replace("\t", " ").rstrip()
        cells = line.rsplit(" ", dim or -1)
        if (
            number == 1
            and len(cells) == 2
            and all(cell.isascii() and cell.isdigit() and len(cell) < 19 for cell in cells)
        ):
            num_expected, dim = map(int, cells)
            _require_dim(path, dim)
            continue
        if not line:
            continue
        dim = dim or len(cells) - 1
        if dim < 1 or len(cells) != dim + 1:
            raise WordVectorFileError(
                f"{path}: line {number:,}: expected a word and {dim or 'its'} numbers, found "
                f"{line!r:.60}"
            )
        _require_dim(path, dim)
        if cells[0] in vectors:
            num_repeated += 1
            if num_repeated > max(limits.MAX_REPEATED_WORDS, len(vectors)):
                raise WordVectorFileError(
                    f"{path}: line {number:,}: expected each word once, found {num_repeated:,} "
                    f"again; of {len(vectors):,} words"
                )
            continue
        vectors[cells[0]] = np.array(cells[1:], np.float32)
        if num_expected and number > num_expected:
            break
    if num_expected and number <= num_expected:
        raise WordVectorFileError(
            f"{path}: expected {num_expected:,} words, found {number - 1:,}: its end is missing"
        )
    return list(vectors), np.stack(list(vectors.values())) if vectors else np.zeros((0, 0))


def write_word2vec(vectors: WordVectors, path: Path) -> None:
    """Write a word2vec file, text by its suffix (``.txt``, ``.vec``) or binary."""
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.dim)
    keyed.add_vectors(list(vectors.words), vectors.matrix)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    keyed.save_word2vec_format(str(temporary), binary=path.suffix not in TEXT_SUFFIXES)
    os.replace(temporary, path)
