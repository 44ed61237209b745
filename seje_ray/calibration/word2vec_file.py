"""Word vectors in word2vec's own file formats, to take from elsewhere and to give away."""

import os
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.errors import SejeError

TEXT_SUFFIXES = (".txt", ".vec")  # any other suffix is the binary format


class WordVectorFileError(SejeError):
    """A file is no word2vec file."""


def read_word2vec(path: Path) -> WordVectors:
    """Read word vectors from a word2vec file, text by its suffix (``.txt``, ``.vec``) or binary.

    Of a word that occurs twice the first vector is taken. Words keep their case; the tokens of
    recipes are lower case, entities of several words are joined by ``_``.

    Raises:
        WordVectorFileError: If there is no such file, or it cannot be read as one.
    """
    if not path.is_file():
        raise WordVectorFileError(
            f"{path}: no such word2vec file; name one in calibrate.word_vectors.file, or null to "
            "fit word vectors on the train recipes"
        )
    try:
        found = KeyedVectors.load_word2vec_format(
            str(path), binary=path.suffix not in TEXT_SUFFIXES, unicode_errors="replace"
        )
    except (ValueError, EOFError, IndexError, MemoryError, OverflowError) as error:
        expected = "text" if path.suffix in TEXT_SUFFIXES else "binary"
        raise WordVectorFileError(
            f"{path}: expected word2vec's {expected} format, found something else "
            f"({type(error).__name__}: {error}); .txt and .vec are read as text, other names as "
            "binary"
        ) from error
    if not np.isfinite(found.vectors).all():
        raise WordVectorFileError(f"{path}: expected finite numbers, found NaN or infinite ones")
    return WordVectors(found.index_to_key, found.vectors)


def write_word2vec(vectors: WordVectors, path: Path) -> None:
    """Write a word2vec file, text by its suffix (``.txt``, ``.vec``) or binary."""
    keyed = KeyedVectors(vectors.dim)
    keyed.add_vectors(list(vectors.words), vectors.matrix)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    keyed.save_word2vec_format(str(temporary), binary=path.suffix not in TEXT_SUFFIXES)
    os.replace(temporary, path)
