"""Every reader of what others wrote: a good file for it, and what it may do with a bad one."""

import gzip
import io
import json
import struct
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from seje_ray.artifact import Manifest, Plan, manifest_in
from seje_ray.calibration.category_table import CategoryTable, read_category_table
from seje_ray.calibration.word2vec_file import read_word2vec
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import RunConfig, load_run, run_to_dict
from seje_ray.errors import SejeError
from seje_ray.models.weights_file import read_weights
from seje_ray.recipe1m.images import to_jpeg
from seje_ray.recipe1m.own_data import OwnData
from seje_ray.recipe1m.reader import Recipe1M
from seje_ray.recipe1m.records import Recipe, Reject

RECIPES = [
    {
        "id": f"r{number}",
        "title": f"Crème {number}",
        "ingredients": ["1 cup peas", "salt"],
        "instructions": ["Boil.", "Eat."],
        "images": [f"{number}.jpg"],
        "partition": "train",
    }
    for number in range(4)
]
LAYER1 = [
    {
        "id": "a",
        "title": "Soup",
        "partition": "train",
        "ingredients": [{"text": "salt"}],
        "instructions": [{"text": "Boil."}],
    }
]


@dataclass(frozen=True)
class Reader:
    """A reader of files, by what one of them is called."""

    name: str  # of a file, whose suffix counts
    good: bytes
    read: Callable[[Path], None]  # raises what no reader may raise


def _own(path: Path) -> None:
    try:
        records = list(OwnData(path).read())
    except SejeError:
        return
    assert all(isinstance(record, Recipe | Reject) for record in records)


def _recipe1m(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "layer1.json").write_bytes(path.read_bytes())
        try:
            records = list(Recipe1M(Path(folder)).read())
        except SejeError:
            return
    assert all(isinstance(record, Recipe | Reject) for record in records)


def _categories(path: Path) -> None:
    try:
        assert isinstance(read_category_table(path), CategoryTable)
    except SejeError:
        return


def _vectors(path: Path) -> None:
    try:
        assert isinstance(read_word2vec(path), WordVectors)
    except SejeError:
        return


def _run_file(path: Path) -> None:
    try:
        assert isinstance(load_run(path), RunConfig)
    except SejeError:
        return


def _photo(path: Path) -> None:
    found = to_jpeg(path.read_bytes(), shorter_side=32)
    assert isinstance(found, bytes) or len(found) == 2


def _manifest(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "manifest.json").write_bytes(path.read_bytes())
        found = manifest_in(Path(folder))
    assert found is None or isinstance(found, Manifest)


def _weights(path: Path) -> None:
    try:
        read_weights(str(path))
    except SejeError:
        return


def _parquet(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def _arrow(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as file:
        file.write_table(table)
    return buffer.getvalue()


def _image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((40, 32)).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as shard:
        members = {
            "a.json": json.dumps(RECIPES[0]).encode(),
            "a.jpg": _image("JPEG"),
            "b.txt": b"x",
        }
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _binary_vectors() -> bytes:
    rows = b"".join(
        word + b" " + struct.pack("<2f", 1.5, -2.0) + b"\n" for word in (b"salt", b"pea")
    )
    return b"2 2\n" + rows


def _safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.0, 2.0)


_LINES = "\n".join(map(json.dumps, RECIPES)).encode()
_TABLE = pa.Table.from_pylist(RECIPES)
_CSV = (
    b'id,title,ingredients,instructions\n1,Soup,"salt\npeas","Boil, then eat."\n2,"A ""b""",x,y\n'
)
_PAGE = (
    b"<html><script type='application/ld+json'>"
    + json.dumps(
        {"@type": "Recipe", "name": "Cake", "recipeIngredient": ["flour"], "image": "a.jpg"}
    ).encode()
    + b"</script></html>"
)
_PLAN = Plan(kind="recipes", section={"a": 1}, inputs={"data": "0" * 64}, seed=0)
_MANIFEST = Manifest(plan=_PLAN, seje_ray_version="1", rows={"train": 1}, shards={"a": "b"})

READERS = (
    Reader("own.jsonl", _LINES, _own),
    Reader("own.json", json.dumps(RECIPES).encode(), _own),
    Reader("wrapped.json", json.dumps({"recipes": RECIPES}).encode(), _own),
    Reader("by_id.json", json.dumps({r["id"]: r for r in RECIPES}).encode(), _own),
    Reader("packed.jsonl.gz", gzip.compress(_LINES), _own),
    Reader("own.csv", _CSV, _own),
    Reader("own.tsv", _CSV.replace(b",", b"\t"), _own),
    Reader("own.parquet", _parquet(_TABLE), _own),
    Reader("plain.parquet", _parquet(_TABLE, compression="none", use_dictionary=False), _own),
    Reader("own.arrow", _arrow(_TABLE), _own),
    Reader("own.tar", _tar(), _own),
    Reader("page.html", _PAGE, _own),
    Reader("layer1.json", json.dumps(LAYER1).encode(), _recipe1m),
    Reader("categories.json", b'{"names": ["a", "b"], "ids": {"r1": 1, "r2": "b"}}', _categories),
    Reader("categories.csv", b"id,class\nr1,soup\nr2,1\n", _categories),
    Reader(
        "categories.parquet", _parquet(pa.table({"id": ["r1"], "class": ["soup"]})), _categories
    ),
    Reader("vectors.txt", b"2 2\nsalt 1 2\npea 0.5 -1e-3\n", _vectors),
    Reader("vectors.bin", _binary_vectors(), _vectors),
    Reader("run.yaml", yaml.safe_dump(run_to_dict(RunConfig())).encode()[:3000], _run_file),
    Reader("manifest.json", json.dumps(asdict(_MANIFEST)).encode(), _manifest),
    Reader("weights.safetensors", _safetensors(), _weights),
    *(
        Reader(f"photo.{kind.lower()}", _image(kind), _photo)
        for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000")
    ),
)
