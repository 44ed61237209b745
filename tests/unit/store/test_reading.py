"""What the workers of a training bring of a data set: each its share, a while before it is read."""

import shutil

import pytest

from seje_ray.artifact import open_artifact, partial_folder, write_json
from seje_ray.building import begin, build_manifest, finish
from seje_ray.distributed.process import LocalProcess
from seje_ray.durable import read_json
from seje_ray.errors import StoreError
from seje_ray.manifest import Plan
from seje_ray.store.location import shown
from seje_ray.store.mirror import drop, push
from seje_ray.training.loaders import loader_of
from tests.unit.training.tiny_data import origin, tiny_run, write_shards

BATCH_SIZE = 16
FEW, MANY = ([3, 4, 5] * 4, [4] * 3), ([3, 4, 5] * 28, [4] * 16)  # rows of train and val shards


@pytest.fixture(scope="module")
def calibrated_of(tmp_path_factory):
    """Gives the folder of calibrated recipes in shards of so many rows, of train and of val."""

    def made(train, val, seed=0):
        folder = tmp_path_factory.mktemp("local") / "calibrated"
        plan = Plan(kind="calibrated", section={}, inputs={}, seed=seed)
        write_shards(begin(folder, plan), "train", train, seed)
        write_shards(partial_folder(folder), "val", val, seed)
        facts = dict(origin().facts)
        return finish(
            folder, plan, build_manifest(plan, partial_folder(folder), facts=facts)
        ).folder

    return made


@pytest.fixture(scope="module")
def few(calibrated_of):
    return calibrated_of(*FEW)


@pytest.fixture
def stored(few, on_machine):
    """``on_machine``, where the first one has put few shards into the store."""
    _put(few, on_machine(1).calibrated)
    return on_machine


def _put(calibrated, folder):
    shutil.copytree(calibrated, folder, dirs_exist_ok=True)
    push(folder)


def loader_on(
    workspace, partition="train", *, rank=0, world_size=1, window=4, batch_size=BATCH_SIZE
):
    """Pairs as one worker of a training reads them."""
    process = LocalProcess()
    process.rank, process.world_size = rank, world_size
    run = tiny_run(global_batch_size=batch_size, shuffle_window=window)
    return loader_of(run, workspace.open_calibrated("train", "val"), partition, None, process)


def shards_brought(proxy, since=0):
    """Name of each shard that was sent -> bytes."""
    sent = {}
    for request in proxy.requests[since:]:
        name = request.path.partition("?")[0].rpartition("/")[2]
        if request.method == "GET" and name.endswith(".parquet"):
            sent[name] = sent.get(name, 0) + request.num_bytes
    return sent


def ids_of(batches):
    return [batch.ids for batch in batches]


def test_each_worker_brings_its_share(calibrated_of, on_machine, proxy):
    """A W-th of the bytes, within 10 %; the ids of each step are those of one worker.

    Where two workers go on from step 15 of 21, each brings the shards of its pairs and no other.
    """
    _put(calibrated_of(*MANY), on_machine(1).calibrated)
    sizes = on_machine(1).open_calibrated().manifest.sizes
    alone = None
    for world_size in (1, 2, 4):
        train, val = [], []
        for rank in range(world_size):
            at = on_machine(10 * world_size + rank)
            for partition, passed in (("train", train), ("val", val)):
                loader = loader_on(at, partition, rank=rank, world_size=world_size, window=16)
                begun = len(proxy.requests)
                passed.append(ids_of(loader.epoch(0) if passed is train else loader.in_order()))
                brought = shards_brought(proxy, begun)
                assert brought == {name: sizes[name] for name in brought}
                whole = sum(size for name, size in sizes.items() if partition in name)
                assert sum(brought.values()) == pytest.approx(whole / world_size, rel=0.1)
        steps = [sum(own, ()) for own in zip(*train, strict=True)]
        found = steps, [ids for own in val for ids in own]
        alone = alone or found
        assert found == alone
        if world_size == 2:
            at = on_machine(5)
            loader = loader_on(at, rank=1, world_size=2, window=16)
            begun = len(proxy.requests)
            assert ids_of(loader.epoch(0, first_step=15)) == train[1][15:]
            assert shards_brought(proxy, begun).keys() == shards_of(train[1][15:])


def shards_of(ids):
    """Names of the shards that tiny recipes of these ids are in."""
    numbers = {id_.removeprefix("train").partition("-")[0] for step in ids for id_ in step}
    return {f"train-{int(number):06d}.parquet" for number in numbers}


def test_what_is_opened_is_small(stored, proxy):
    """A manifest, and no shard before the first batch; then about two of each of two lanes."""
    begun = len(proxy.requests)
    loader = loader_on(stored(2), window=2, batch_size=4)
    assert not shards_brought(proxy, begun)
    batches = loader.epoch(0)
    next(batches)
    batches.close()
    assert 2 <= len(shards_brought(proxy, begun)) <= 6


def test_of_few_shards_each_worker_brings_those_of_its_pairs(stored, proxy):
    """Where one window holds them all pairs are shuffled together: of 12 nearly all."""
    for rank in range(2):
        begun = len(proxy.requests)
        ids = ids_of(loader_on(stored(2 + rank), rank=rank, world_size=2, window=12).epoch(0))
        assert shards_brought(proxy, begun).keys() == shards_of(ids)
        assert len(shards_of(ids)) > 8


def test_workers_of_one_machine_bring_a_shard_once(stored, proxy):
    """They share its mirror, and read the same shards side by side."""
    loaders = [loader_on(stored(2), rank=rank, world_size=2, window=12) for rank in range(2)]
    begun, epochs = len(proxy.requests), [loader.epoch(0) for loader in loaders]
    ids = [ids_of(step) for step in zip(*epochs, strict=True)]
    assert len(ids) == 3
    sizes = stored(2).open_calibrated().manifest.sizes
    assert shards_brought(proxy, begun) == {n: size for n, size in sizes.items() if "train" in n}


def test_a_store_may_fail_now_and_then(stored, proxy):
    """In the middle of an epoch."""
    expected = ids_of(loader_on(stored(1)).epoch(0))
    proxy.fault = lambda request: 503 if request.number % 4 == 0 else None
    assert ids_of(loader_on(stored(2)).epoch(0)) == expected
    assert proxy.num_failed > 5


def refusal_of(batches):
    """The line that a person is shown."""
    with pytest.raises(StoreError) as refused:
        ids_of(batches)
    text = shown(str(refused.value))
    assert "\n" not in text
    return text


def test_a_store_that_is_gone_ends_a_training_with_its_name(stored, proxy):
    """After all tries, whichever shard was asked for."""
    loader = loader_on(stored(2))
    proxy.fault = lambda request: 500 if len(shards_brought(proxy)) > 6 else None
    text = refusal_of(loader.epoch(0))
    assert text.startswith("s3://bucket-")
    assert "/calibrated/train-0" in text
    assert "the store does not answer as it should, 8 times in turn" in text


@pytest.mark.parametrize("name", ["train-000007.parquet", "val-000001.parquet"])
def test_a_shard_that_is_gone_is_named(stored, name):
    loader = loader_on(stored(2), name.partition("-")[0])
    drop(stored(2).calibrated / name)
    text = refusal_of(loader.epoch(0) if "train" in name else loader.in_order())
    assert text.endswith(f"/calibrated/{name} is missing; run the command again that makes it")


def test_a_shard_that_is_damaged_is_named(stored):
    """A bit of it is another: by its sha256 it is not what the manifest notes."""
    loader = loader_on(stored(2))
    path = stored(1).calibrated / "train-000007.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    push(path.parent)
    text = refusal_of(loader.epoch(0))
    assert "/calibrated/train-000007.parquet has changed since it was made: expected" in text


def test_no_shard_of_another_calibration_is_mixed_in(stored, calibrated_of):
    """Made again, with its manifest, while a training reads."""
    loader = loader_on(stored(2))
    _put(calibrated_of(*FEW, seed=1), stored(1).calibrated)
    stored(2)
    assert "it was made again since; repeat the command" in refusal_of(loader.epoch(0))


def test_what_an_older_version_made_is_brought_at_once(stored, proxy):
    """It notes no rows of shards; the pairs are the same."""
    expected = ids_of(loader_on(stored(2)).epoch(0))
    path = stored(1).calibrated / "manifest.json"
    write_json(path, {k: value for k, value in read_json(path).items() if k != "shard_rows"})
    begun = len(proxy.requests)
    loader = loader_on(stored(3))
    assert len(shards_brought(proxy, begun)) == len(FEW[0])
    assert ids_of(loader.epoch(0)) == expected


def test_a_machine_without_the_manifest_brings_it_with_the_first_shard(stored):
    """A worker is handed the artifact, and compares what it brings all the same."""
    artifact = stored(1).open_calibrated()
    path = stored(1).calibrated / "train-000001.parquet"
    data = path.read_bytes()[::-1]
    path.write_bytes(data)
    push(path.parent)
    elsewhere = open_artifact(stored(2).calibrated, "calibrated")
    (stored(2).calibrated / "manifest.json").unlink()
    with pytest.raises(StoreError, match="has changed since it was made"):
        elsewhere.bring(stored(2).calibrated / path.name)
    assert artifact.counts("train") == FEW[0]
