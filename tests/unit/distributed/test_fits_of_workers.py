"""Networks of the calibrator on workers."""

import functools
from io import BytesIO

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image
from timm.layers import BatchNormAct2d
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from seje_ray.calibration.categorizer_accuracy import categorizer_accuracy
from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.image_categorizer import ImageCategorizer, fit_image_categorizer
from seje_ray.calibration.photo_batches import Photo, ShuffledPhotos
from seje_ray.calibration.sentence_encoder.skip_instructions import fit_skip_instructions
from seje_ray.distributed.batch_norm import use_global_batch_norm
from seje_ray.distributed.process import LocalProcess, own_rows
from seje_ray.errors import DivergedError
from seje_ray.recipe1m.pixels import PixelSpec
from tests.unit.calibration.tiny_networks import Scaled

NUM_WORKERS = 3
NAMES = ("background", "soup", "cake", "bread")
BROKEN, WHITE = 0, 7  # numbers of photos


class GlooProcess:
    """Several processes on this machine."""

    def __init__(self):
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.device = torch.device("cpu")

    def wrap(self, module, *, broadcast_buffers=True):
        return DistributedDataParallel(module, broadcast_buffers=broadcast_buffers)


def sentence_encoder(worker):
    """Eleven recipes; batches of four pairs, the last one smaller than the number of workers."""
    words = ["boil", "rice", "then", "serve", "it", "hot", "with", "plums"]
    recipes = [
        RecipeText(str(n), "", (), tuple(" ".join(words[n % 5 : n % 5 + k]) for k in (2, 4)), None)
        for n in range(11)
    ]
    model = fit_skip_instructions(
        recipes,
        dim=6,
        vocabulary_size=20,
        epochs=2,
        batch_size=4,
        learning_rate=0.01,
        seed=1,
        worker=worker,
    )
    losses = torch.tensor([epoch["loss"] for epoch in model.history], dtype=torch.float64)
    return {**model.state_dict(), "losses": losses}


class TenPhotos(ShuffledPhotos):
    """Soup, cake and bread by colour, one photo white, one no photo; counts what it decodes."""

    def __init__(self):
        pixels = PixelSpec(resize=18, crop=16)
        super().__init__(pixels=pixels, batch_size=4, seed=2)
        self.num_photos = {1: 4, 2: 3, 3: 3}
        self.decoded = []

    num_photos = None  # of the class above, set by ``__init__``

    def _listed(self):
        return map(self._photo, range(10))

    def _shuffled(self, generator):
        return map(self._photo, generator.permutation(10).tolist())

    def _photo(self, number):
        def jpeg():
            self.decoded.append(number)
            if number == BROKEN:
                return b"damage"
            pixels = np.full((20, 24, 3), 255, np.uint8)
            if number != WHITE:
                pixels[..., number % 3] = 40
                pixels[number : number + 5] //= 2
            file = BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=95)
            return file.getvalue()

        return Photo(str(number), jpeg, 1 + number % 3)


class Convolutions(nn.Module):
    """Both kinds of batch norm; no bias before them, whose gradient is rounding noise."""

    feature_dim = 5

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.layers = nn.Sequential(
                Scaled(),
                nn.Conv2d(3, 4, 3, bias=False),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.Conv2d(4, 5, 3, stride=2, bias=False),
                BatchNormAct2d(5),
            )

    def forward(self, pixels):
        return self.layers(pixels).mean(dim=(2, 3))


class NaNOfWhite(nn.Module):
    """Mean colours, which are no numbers for a white photo."""

    feature_dim = 3

    def forward(self, pixels):
        means = Scaled()(pixels).mean(dim=(2, 3))
        return means.masked_fill(means.amin(dim=1, keepdim=True) > 0.9, torch.nan)


def image_categorizer(worker, *, freeze_backbone, folder=None):
    """Batches of 4, 4 and 2 photos of which one is broken; stopped and resumed in ``folder``."""
    settings = {"epochs": 3, "learning_rate": 0.02, "seed": 3, "freeze_backbone": freeze_backbone}
    photos = TenPhotos()

    def stop_in_third_epoch(done, total, text):
        if "loss" in text and done == total:
            raise InterruptedError

    if folder is not None:
        with pytest.raises(InterruptedError):
            fit_image_categorizer(
                use_global_batch_norm(Convolutions()), TenPhotos(), NAMES, **settings,
                worker=worker, progress=stop_in_third_epoch, state_folder=folder / str(worker.rank),
            )  # fmt: skip
        dist.barrier()
        assert [path.name for path in folder.iterdir()] == ["0"], "another rank wrote its state"
    model = fit_image_categorizer(
        use_global_batch_norm(Convolutions()), photos, NAMES, **settings,
        worker=worker, state_folder=None if folder is None else folder / "0",
    )  # fmt: skip
    num_fitted_on = len(photos.decoded)
    confusion = categorizer_accuracy(model, photos, worker)
    history = [[epoch["loss"], epoch["accuracy"]] for epoch in model.history]
    return {
        **model.state_dict(),
        "history": torch.tensor(history, dtype=torch.float64),
        "confusion": torch.from_numpy(confusion.counts),
        "in top 5": torch.tensor(confusion.num_in_top_5),
        "decoded": torch.tensor([num_fitted_on, len(photos.decoded) - num_fitted_on]),
        "rejected": torch.tensor([int(reject.id) for reject in photos.rejects]),
    }


def step_of_nan(worker):
    """The step after which a fit raises, of which one worker's rows are no numbers."""
    steps = [0]

    def progress(done, total, text):
        steps.append(done if "loss" in text else 0)

    with pytest.raises(DivergedError, match="not finite"):
        fit_image_categorizer(
            NaNOfWhite(), TenPhotos(), NAMES, epochs=1, learning_rate=0.1, seed=3,
            freeze_backbone=True, worker=worker, progress=progress,
        )  # fmt: skip
    return {"step": torch.tensor(steps[-1])}


def on_worker(member):
    worker = GlooProcess()
    saved = {"sentence encoder": sentence_encoder(worker), "nan": step_of_nan(worker)}
    for freeze in (False, True):
        state = member.folder / f"state {freeze}"
        saved[f"categorizer {freeze}"] = image_categorizer(worker, freeze_backbone=freeze)
        saved[f"resumed {freeze}"] = image_categorizer(worker, freeze_backbone=freeze, folder=state)
    return saved


@pytest.fixture(scope="module")
def of_workers(on_workers):
    """What each of W workers saved."""
    return functools.cache(functools.partial(on_workers, on_worker))


def test_three_workers_fit_the_sentence_encoder_that_one_fits(of_workers):
    """33 pairs in batches of 4: the last batch of an epoch holds one, two workers have no row."""
    expected = sentence_encoder(LocalProcess())

    for saved in of_workers(NUM_WORKERS):
        assert_same(saved["sentence encoder"], expected)


@pytest.mark.parametrize("num_workers", [2, NUM_WORKERS])
@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_workers_fit_the_image_categorizer_that_one_fits(of_workers, num_workers, freeze_backbone):
    """On three workers, one has no row of the batch of two photos, and one a broken photo alone.

    A passed-over row counts neither in batch norm nor in loss, gradient or accuracy; photos are
    decoded once among the workers, and each worker knows what was broken.
    """
    expected = image_categorizer(LocalProcess(), freeze_backbone=freeze_backbone)
    num_passes = 1 if freeze_backbone else 3
    assert expected.pop("decoded").tolist() == [10 * num_passes, 10]
    assert expected["rejected"].tolist() == [BROKEN]

    saved = [worker[f"categorizer {freeze_backbone}"] for worker in of_workers(num_workers)]

    # Of 4, 4 and 2 rows: two workers 2, 2 and 1 each; three 1, 1, 0 and 1, 1, 1 and 2, 2, 1.
    for worker, part in zip(saved, {2: (5, 5), 3: (2, 3, 5)}[num_workers], strict=True):
        assert worker.pop("decoded").tolist() == [num_passes * part, part]
    for worker in saved:
        assert_same(worker, expected)


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_workers_go_on_after_a_restart_from_what_rank_0_kept(of_workers, freeze_backbone):
    expected = image_categorizer(LocalProcess(), freeze_backbone=freeze_backbone)

    for worker in of_workers(2):
        resumed = worker[f"resumed {freeze_backbone}"]
        for name in ("history", "layer.weight", "layer.bias", "confusion"):
            torch.testing.assert_close(resumed[name], expected[name], atol=2e-5, rtol=1e-4)


def test_one_workers_nan_raises_on_all_after_the_same_step(of_workers):
    expected = step_of_nan(LocalProcess())

    for worker in of_workers(NUM_WORKERS):
        assert worker["nan"] == expected


def assert_same(saved, expected):
    assert saved.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(saved[name], value, atol=2e-5, rtol=1e-4, msg=name)


def test_weights_fitted_by_workers_go_into_a_plain_backbone(tmp_path):
    """Batch norm over all workers' rows, timm's kind too, keeps the names of the weights."""
    fitted = ImageCategorizer(use_global_batch_norm(Convolutions()), NAMES)
    fitted.is_fitted = True
    photos = torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8)
    fitted.train()(photos)  # statistics that are not the first ones
    fitted.save(tmp_path)

    loaded = ImageCategorizer.load(tmp_path, Convolutions())

    pixels = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(loaded.predict(pixels), fitted.eval().predict(pixels))


@pytest.mark.parametrize("num_rows", [1, 2, 3, 10])
def test_every_row_is_computed_by_one_worker(num_rows):
    workers = [LocalProcess() for _ in range(NUM_WORKERS)]
    covered = []
    for rank, worker in enumerate(workers):
        worker.rank, worker.world_size = rank, NUM_WORKERS
        rows, is_own = own_rows(num_rows, worker)
        assert len(range(num_rows)[rows]) >= 1
        covered += list(range(num_rows)[rows]) if is_own else []

    assert covered == list(range(num_rows))
