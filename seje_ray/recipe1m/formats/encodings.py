"""The encoding of a text file, found in its bytes, and its text as a stream."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from seje_ray.recipe1m.formats.packed import ByteStream

CHUNK_BYTES = 1 << 20
MAX_PLAIN_BYTES = 64 << 20  # of ASCII looked through for the first character beyond it
_MARKS = (  # the longer first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_RUN = re.compile(r"[^\x00-\x7f]+")
_IN_WORD = re.compile(r"(?<=[a-z])[^\x00-\x7f]+(?=[a-z])")
_LETTERS = frozenset((*map(chr, range(0xC0, 0x100)), "\u0152", "\u0153")) - {"\xd7", "\xf7"}
_WESTERN = _LETTERS | frozenset(  # curly quotes, dashes, dots, fractions, degrees and the like
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u2022\u2122\u20ac"
    "\xa0\xa3\xab\xad\xae\xb0\xb4\xb7\xba\xbb\xbc\xbd\xbe\xd7"
)
"""Of Western European texts: letters, and marks around words and numbers."""


_FOREIGN = re.compile(  # read so, these are other pages' letters: Windows-1254's and -1250's
    r"(?i)[\xf0\xfd\xfe]"  # eth, y acute, thorn: Icelandic, or Turkish, Czech, Romanian
    r"|(?<=[a-z])[\xec\xf9](?=[a-z])"  # i and u grave end a word in French and Italian
    r"|\b\xe8(?=[a-z])(?!re|s\b)"  # no word begins with e grave, but for ere and es
    r"|\xf5(?!e)"  # o tilde without e: Hungarian, or Estonian
    r"|\xe3(?![oes\W\d]|i[bmn])(?=[a-z])"  # a tilde before consonants: Romanian
)
_TURKISH = frozenset(
    "\xc7\xd6\xdc\xe7\xf6\xfc\xe2\xee\xfb\xd0\xdd\xde\xf0\xfd\xfe"
)  # as Windows-1252 reads it
_META = re.compile(rb"""(?i)<meta\s[^>]*?charset\s*=\s*["']?\s*([a-z0-9_:.-]+)""")
_META_BYTES = 4096  # of a page, that say its encoding


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes are read as text."""

    codec: str  # as Python calls it
    name: str  # for people
    num_mark_bytes: int = 0  # of the mark before the text
    errors: str = "surrogateescape"  # a wrong byte becomes a lone surrogate, rejected by record


UTF_8 = Encoding("utf-8", "UTF-8")


def encoding_of(head: bytes) -> Encoding:
    """The encoding that the first bytes of a file show.

    Windows-1252 is taken only where no character is UTF-8's, and nearly all of those beyond ASCII
    are letters and marks of Western European texts; what else it may be stays unread.
    """
    for mark, codec, name in _MARKS:
        if head.startswith(mark):
            errors = "surrogateescape" if codec == "utf-8" else "replace"
            return Encoding(codec, name, len(mark), errors)
    if (wide := _wide(head)) is not None:
        return wide
    if head.isascii():
        return UTF_8
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head)
        return UTF_8
    except UnicodeDecodeError:
        pass
    if _has_utf_8(head):
        return UTF_8
    if not _is_western(head):
        return Encoding(
            "utf-8",
            "an encoding that is not known, read as UTF-8; write it anew, "
            "iconv -f ITS-NAME -t UTF-8 FILE > NEW",
        )
    if likely := _likelier_than_western(head):
        return Encoding(
            "utf-8",
            "an encoding that is not known (Windows-1254, Windows-1250 and Windows-1252 all fit), "
            f"read as UTF-8; write it anew, e.g. iconv -f {likely} -t UTF-8 FILE > NEW",
        )
    return Encoding("cp1252", "Windows-1252")


def page_encoding_of(head: bytes) -> Encoding:
    """``encoding_of``, or what a page of the web says of itself where its bytes do not show it."""
    found = encoding_of(head)
    said = _META.search(head[:_META_BYTES])
    if found == UTF_8 or found.num_mark_bytes or said is None or "UTF-16" in found.name:
        return found
    name = said[1].decode("ascii")
    try:
        codec = codecs.lookup({"iso-8859-1": "cp1252", "iso-8859-9": "cp1254"}.get(name, name))
        "".encode(codec.name)
    except LookupError:
        return found
    return Encoding(codec.name, f"{name}, as the page says")


def _wide(head: bytes) -> Encoding | None:
    """UTF-16 or UTF-32 without a mark: most of the bytes in the same places are 0."""
    head = head[:4096]
    if head.count(0) * 8 < len(head) or len(head) < 4:
        return None
    zeros = [head[place::4].count(0) * 4 > len(head) * 0.75 for place in range(4)]
    halves = [head[place::2].count(0) * 2 / len(head) for place in range(2)]
    if zeros == [False, True, True, True]:
        return Encoding("utf-32-le", "UTF-32 without BOM", errors="replace")
    if zeros == [True, True, True, False]:
        return Encoding("utf-32-be", "UTF-32 without BOM", errors="replace")
    if halves[1] > 4 * halves[0]:
        return Encoding("utf-16-le", "UTF-16 without BOM", errors="replace")
    if halves[0] > 4 * halves[1]:
        return Encoding("utf-16-be", "UTF-16 without BOM", errors="replace")
    return None


def _has_utf_8(head: bytes) -> bool:
    """Whether some of the bytes beyond ASCII are characters of UTF-8, as in a file with damage."""
    runs = _BEYOND_ASCII.findall(head)
    return sum(_is_utf_8(run) for run in runs) * 4 > len(runs)


def _is_utf_8(run: bytes) -> bool:
    try:
        run.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_western(head: bytes) -> bool:
    """Whether bytes are surely Windows-1252: isolated, and the letters that Western words have."""
    text = head.decode("cp1252", errors="surrogateescape")
    strange = sum(1 for c in text if c > "\x7f" and c not in _WESTERN)
    beyond = sum(c > "\x7f" for c in text)
    runs = [run for run in _RUN.findall(text) if _LETTERS & set(run) or run not in _WESTERN]
    likely = sum(set(run) <= _WESTERN and len(run) <= 3 for run in runs)
    in_words = _IN_WORD.findall(text)
    letters = sum(set(run) <= _LETTERS for run in in_words)
    return (
        strange * 20 <= beyond
        and likely * 20 >= len(runs) * 19
        and letters * 20 >= len(in_words) * 19
    )


def _likelier_than_western(head: bytes) -> str:
    """Of which other encoding words look more, as iconv calls it, or "" if of none."""
    text = head.decode("cp1252", errors="surrogateescape")
    letters = [c for c in text if c in _LETTERS]
    if len(_FOREIGN.findall(text)) * 20 <= len(letters):
        return ""
    turkish = sum(c in _TURKISH for c in letters) * 20 >= len(letters) * 19
    return "WINDOWS-1254" if turkish else "WINDOWS-1250"


class TextStream:
    """Text of a file, unpacked and decoded, in chunks."""

    def __init__(
        self, path: Path, *, encoding: Encoding | None = None, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        """Open it.

        Args:
            path: The file.
            encoding: How it is read; None to find out.
            chunk_bytes: Read at once.

        Raises:
            DataError: If the file cannot be opened.
        """
        self.encoding = _encoding_in(path) if encoding is None else encoding
        self._bytes, self._chunk_bytes = ByteStream(path), chunk_bytes
        decoder = codecs.getincrementaldecoder(self.encoding.codec)
        self._decoder = decoder(errors=self.encoding.errors)
        self._bytes.read(self.encoding.num_mark_bytes)
        self._is_at_the_end = False

    def __enter__(self) -> "TextStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.__exit__()

    @property
    def damage(self) -> str:
        """Why the file ended before its end, or ""."""
        return self._bytes.damage

    def said(self) -> list[str]:
        """Encoding and packing, for people."""
        packing = self._bytes.packing
        return [self.encoding.name, *([packing] if packing else [])]

    def read(self) -> str:
        """The next text; "" at the end."""
        while not self._is_at_the_end:
            data = self._bytes.read(self._chunk_bytes)
            self._is_at_the_end = not data
            if text := self._decoder.decode(data, final=self._is_at_the_end):
                return text
        return ""


def _encoding_in(path: Path) -> Encoding:
    """The encoding of a file; plain ASCII is passed over to see what comes behind it."""
    with ByteStream(path) as stream:
        head = stream.read(CHUNK_BYTES)
        found, read = encoding_of(head), len(head)
        while found == UTF_8 and head and head.isascii() and read < MAX_PLAIN_BYTES:
            head = stream.read(CHUNK_BYTES)
            read += len(head)
            found = _without_mark(head)
        return found


def _without_mark(part: bytes) -> Encoding:
    """The encoding that a part behind plain ASCII shows: no mark is one there, and 0 is a 0."""
    return encoding_of(b"a" * 4 + part.replace(b"\0", b""))
