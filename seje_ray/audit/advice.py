"""Advice for each reason to reject a record or photo, and the cost of missing files."""

from pathlib import Path

from seje_ray.audit.findings import Piece
from seje_ray.recipe1m.reader import layers_folder
from seje_ray.recipe1m.records import PARTITIONS
from seje_ray.recipe1m.source import is_recipe1m

ADVICE = {
    "malformed_json": "repair or fetch the file again; the records behind the place are read",
    "not_an_object": "write each record as one JSON object with an id",
    "invalid_unicode": "save the text as UTF-8",
    "record_too_large": "look for a missing bracket or quote near the place",
    "truncated_file": "fetch the file again: its end is missing",
    "missing_id": "give each record an id of its own",
    "duplicate_id": "give the second one another id, or delete it; the first is used",
    "id_too_long": "shorten ids to 200 characters",
    "wrong_type": "write the field as docs/data.md shows it",
    "unknown_partition": "write train, val or test, or leave the field out",
    "no_text": "add ingredients or instructions, or delete the record",
    "removed": "nothing: remove1M.txt lists it; data.removed=none would keep it",
    "entities_mismatch": "nothing, or mend its entities: the recipe is used without them",
    "no_ingredient": "nothing where det_ingrs.json finds none: the field's filter; else add some",
    "too_many_ingredients": "nothing: the field's filter keeps 1 to 19 detected ingredients",
    "too_many_instructions": "nothing, the field's filter; or join steps to fewer than 20",
    "malformed_row": "put quotes around cells with a delimiter in them, or mend the row",
    "outside_folder": "put it into the data's folder; or --allow-outside, if you trust the data",
    "missing_file": "put the photo where the detail says, or look whether images/ is whole",
    "other_name": "nothing: the one photo of a like name is taken; or name it as the file is",
    "unreadable_file": "look at the path's permissions and at the disk",
    "file_too_large": "store the photo in less than 64 MB",
    "truncated_image": "fetch the photo again: its end is missing",
    "undecodable_image": "fetch the photo again, or store it as JPEG or PNG",
    "absurd_dimensions": "replace it: sides of 16 pixels or more, at most 8 : 1 and 64 megapixels",
    "blank_image": "replace it: nothing of it can be seen",
}
"""By reason; a test holds it complete against docs/data.md."""


def missing_pieces(path: Path) -> tuple[Piece, ...]:
    """Files that a Recipe1M folder lacks, and the cost; nothing for your own recipes."""
    if not is_recipe1m(path):
        return ()
    above, path = path, layers_folder(path) or path
    pieces = [*_photo_pieces(path, above)]
    if not (path / "det_ingrs.json").is_file():
        pieces.append(
            Piece(
                "det_ingrs.json",
                "ingredients are found by a built-in list of words, and the filter counts "
                "ingredient lines in the place of detected ingredients",
            )
        )
    if not (path / "remove1M.txt").is_file():
        pieces.append(
            Piece("remove1M.txt", "no id is left out, so results differ from im2recipe's split")
        )
    return tuple(pieces)


def _photo_pieces(path: Path, above: Path) -> list[Piece]:
    has_plus = (path / "layer2+.json").is_file()
    has_layer2 = (path / "layer2.json").is_file()
    pieces = []
    if has_plus and has_layer2:
        pieces.append(
            Piece("one layer2", "both are there: layer2+.json is read, layer2.json is not")
        )
    elif has_layer2:
        pieces.append(
            Piece("layer2+.json", "layer2.json is read: the photos of Recipe1M, not Recipe1M+")
        )
    elif not has_plus:
        pieces.append(
            Piece("layer2.json", "no photo belongs to a recipe: calibrate refuses the data set")
        )
    images = path / "images"
    places = [images, above / "images", path.parent / "images"]
    places += [place / name for place in (path, above) for name in PARTITIONS]
    if not any(place.is_dir() for place in places):
        pieces.append(Piece("images/", "no photo is found: calibrate refuses the data set"))
        return pieces
    if not images.is_dir():
        return pieces
    used = [name for name in PARTITIONS if any((images / name).glob("*"))]
    missing = [name for name in PARTITIONS if not (images / name).is_dir()]
    if used and missing:
        names = ", ".join(f"images/{name}/" for name in missing)
        pieces.append(Piece(names, "photos of these partitions are looked for there only"))
    return pieces
