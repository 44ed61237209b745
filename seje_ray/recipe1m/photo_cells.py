"""Which cells of a table hold photos as bytes, and how these are reached."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
MAX_DEPTH = 2  # structs in structs


@dataclass(frozen=True, slots=True)
class PhotoType:
    """How photos lie in the cells of a column."""

    is_list: bool  # several in a cell
    keys: tuple[str, ...]  # fields of structs that lead to a photo's bytes; none: it is these


def photo_type(found: pa.DataType) -> PhotoType | None:
    """Photos as tables hold them: bytes, a list of them, {bytes, path}, or {image: {bytes, path}}.

    Bytes may be numbers from 0 to 255 in a list. None if such a column holds no photos.
    """
    is_photo_list = False
    while is_list_type(found) and not is_byte_list(found):
        is_photo_list, found = True, found.value_type
    keys = _keys(found, MAX_DEPTH)
    return None if keys is None else PhotoType(is_photo_list, keys)


def is_bytes(found: pa.DataType) -> bool:
    """Whether a value is a string of bytes."""
    return any(is_kind(found) for is_kind in _BYTES)


def is_list_type(found: pa.DataType) -> bool:
    """Whether a value is a list, however it is laid out."""
    return any(is_kind(found) for is_kind in _LISTS)


def is_byte_list(found: pa.DataType) -> bool:
    """Whether a value is a list of bytes as numbers."""
    return is_list_type(found) and found.value_type in (pa.uint8(), pa.int8())


def _keys(found: pa.DataType, depth: int) -> tuple[str, ...] | None:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if is_bytes(found) or is_byte_list(found):
        return ()
    if not pa.types.is_struct(found) or not depth:
        return None
    for one in sorted(found, key=lambda one: str(one.name) != "bytes"):
        keys = _keys(one.type, depth - 1)
        if keys is not None:
            return (one.name, *keys)
    return None


def photo_cells(cell: Any) -> list[Any]:
    """The cells of photos in a cell of Arrow: itself, or those of its lists, empty ones too."""
    if isinstance(cell, pa.ListScalar) and not is_byte_list(cell.type):
        return [one for inner in cell.values for one in photo_cells(inner)] if cell.is_valid else []
    return [cell]


def reached(cell: Any, keys: tuple[str, ...]) -> Any:
    """The value of a struct's struct's field, or None where one is not there."""
    for key in keys:
        if not isinstance(cell, pa.StructScalar) or not cell.is_valid or key not in cell:
            return None
        cell = cell[key]
    return cell


def path_in(cell: Any) -> str:
    """The path that a struct names beside a photo's bytes, or ""."""
    name = reached(cell, ("path",))
    text = None if name is None else name.as_py()
    return text if isinstance(text, str) else ""


def bytes_in(cell: Any) -> pa.Buffer | None:
    """A photo's bytes."""
    if isinstance(cell, pa.DictionaryScalar):
        cell = cell.value
    if cell is None or not cell.is_valid:
        return None
    if isinstance(cell, pa.ListScalar):
        return pa.py_buffer(cell.values.to_numpy(zero_copy_only=False).tobytes())
    return cell.as_buffer()
