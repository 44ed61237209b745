"""The image formats that are decoded: an explicit list, none of which starts a program."""

import functools
import io
import struct
import zlib

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF")
"""Pillow's decoders; that of EPS starts Ghostscript on what a stranger wrote, and is not here."""
HEIC_FORMAT = "HEIF"  # of pillow-heif, an extra
STORED_FORMATS = ("JPEG", "PNG")  # of photos in artifacts
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
DECODER_ERRORS = (  # what Pillow's decoders raise on broken files of the various formats
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    BufferError,
    RuntimeError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
)


def opened(data: bytes) -> Image.Image:
    """A photo of anyone's, by its bytes; nothing of it is decoded yet.

    Raises:
        UnidentifiedImageError: If it is of no format of the list.
    """
    formats = (*FORMATS, HEIC_FORMAT) if is_heic(data) and reads_heic() else FORMATS
    return Image.open(io.BytesIO(data), formats=formats)


def stored(data: bytes) -> Image.Image:
    """A photo as an artifact holds it."""
    return Image.open(io.BytesIO(data), formats=STORED_FORMATS)


def is_heic(data: bytes) -> bool:
    """Whether bytes begin as a photo of HEIF does, as phones store them."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS


@functools.cache
def reads_heic() -> bool:
    """Let Pillow read HEIC, if its plug-in is installed."""
    try:
        from pillow_heif import register_heif_opener  # an extra
    except ImportError:
        return False
    register_heif_opener()
    return True
