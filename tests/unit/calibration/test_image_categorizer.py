"""Categories of photos and their word vectors."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from seje_ray.calibration.classifier_training import one_cycle
from seje_ray.calibration.image_categorizer import (
    ImageCategorizer,
    category_word_vectors,
    fit_image_categorizer,
    image_category_vectors,
)
from seje_ray.calibration.photos import PhotoBatches
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.errors import DivergedError
from seje_ray.recipe1m.pixels import PixelSpec
from tests.unit.calibration.tiny_networks import Scaled, TinyBackbone, accuracy

NAMES = ("background", "tomato soup", "plum cake")
IDS = {"Tomato Soup": 1, "Plum Cake": 2}
PIXELS = PixelSpec(resize=18, crop=16)
SETTINGS = {"epochs": 3, "learning_rate": 0.02, "seed": 0}


@pytest.fixture
def photos(photo_shards):
    return PhotoBatches(
        photo_shards, lambda title, id_: IDS.get(title, 0), pixels=PIXELS, batch_size=5, seed=1
    )


def weights(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_a_fitted_categorizer_tells_red_soup_from_blue_cake(photos, freeze_backbone):
    settings = {**SETTINGS, "epochs": 8, "learning_rate": 0.1}
    categorizer = fit_image_categorizer(
        TinyBackbone(), photos, NAMES, **settings, freeze_backbone=freeze_backbone
    )

    assert accuracy(categorizer, photos) == 1.0
    assert len(categorizer.history) == 8
    assert categorizer.history[-1]["accuracy"] > 0.9
    assert categorizer.history[-1]["loss"] < categorizer.history[0]["loss"]


def test_probabilities_sum_to_one_without_background(photos):
    categorizer = fit_image_categorizer(
        TinyBackbone(), photos, NAMES, **SETTINGS, freeze_backbone=True
    )

    probabilities = categorizer.predict(torch.zeros(4, 3, 16, 16))

    assert probabilities.shape == (4, 3)
    assert probabilities[:, 0].tolist() == [0] * 4
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(4))


def test_probabilities_are_the_softmax_of_the_layer():
    """Scores 9 (background, ignored), ln 1 and ln 3: a quarter and three quarters."""
    backbone = nn.Sequential(Scaled(), nn.Flatten())
    backbone.feature_dim = 3
    categorizer = ImageCategorizer(backbone, NAMES).eval()
    categorizer.is_fitted = True
    with torch.no_grad():
        categorizer.layer.weight.zero_()
        categorizer.layer.bias.copy_(torch.tensor([9.0, math.log(1), math.log(3)]))

    probabilities = categorizer.predict(torch.zeros(1, 3, 1, 1))

    torch.testing.assert_close(probabilities, torch.tensor([[0.0, 0.25, 0.75]]))


def test_a_frozen_backbone_keeps_its_weights_and_statistics(photos):
    before = weights(TinyBackbone())

    frozen = fit_image_categorizer(TinyBackbone(), photos, NAMES, **SETTINGS, freeze_backbone=True)
    tuned = fit_image_categorizer(TinyBackbone(), photos, NAMES, **SETTINGS, freeze_backbone=False)

    assert weights(frozen.backbone) == before
    assert weights(tuned.backbone) != before


def no_category(photo_shards):
    return PhotoBatches(photo_shards, lambda title, id_: 0, pixels=PIXELS, batch_size=2, seed=0)


@pytest.mark.parametrize("freeze_backbone", [False, True])
@pytest.mark.parametrize(("names", "epochs"), [(("background",), 2), (NAMES, 2), (NAMES, 0)])
def test_without_labelled_photos_it_sees_background_and_gives_zeros(
    photo_shards, photos, names, epochs, freeze_backbone, tmp_path
):
    source = photos if epochs == 0 else no_category(photo_shards)
    categorizer = fit_image_categorizer(
        TinyBackbone(), source, names, epochs=epochs, learning_rate=0.1, seed=0,
        freeze_backbone=freeze_backbone,
    )  # fmt: skip
    categorizer.save(tmp_path)

    for model in (categorizer, ImageCategorizer.load(tmp_path, TinyBackbone())):
        probabilities = model.predict(torch.rand(2, 3, 16, 16)).numpy()
        assert probabilities.tolist() == [[1.0] + [0.0] * (len(names) - 1)] * 2
    word_vectors = WordVectors(["soup", "background"], np.ones((2, 3)))
    vectors = category_word_vectors(names, word_vectors)
    for mode in ("hard", "soft"):
        assert not image_category_vectors(probabilities, vectors, mode).any()


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(photos, freeze_backbone):
    first, again, other = (
        fit_image_categorizer(
            TinyBackbone(),
            photos,
            NAMES,
            **{**SETTINGS, "seed": s},
            freeze_backbone=freeze_backbone,
        )
        for s in (0, 0, 1)
    )

    assert weights(first) == weights(again) != weights(other)
    assert first.history == again.history


class StoppedError(Exception):
    """Stands for a killed process."""


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_a_resumed_fit_equals_an_uninterrupted_one(photos, freeze_backbone, tmp_path):
    settings = {**SETTINGS, "freeze_backbone": freeze_backbone}

    def stop_in_third_epoch(done, total, text):
        if "loss" in text and done > 2 * total / 3 + 1:
            raise StoppedError

    whole = fit_image_categorizer(TinyBackbone(), photos, NAMES, **settings)
    with pytest.raises(StoppedError):
        fit_image_categorizer(
            TinyBackbone(), photos, NAMES, **settings,
            state_folder=tmp_path, progress=stop_in_third_epoch,
        )  # fmt: skip
    told = []
    resumed = fit_image_categorizer(
        TinyBackbone(), photos, NAMES, **settings,
        state_folder=tmp_path, progress=lambda done, total, text: told.append((done, total)),
    )  # fmt: skip

    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history
    # 24 photos in batches of 5: five steps in each of three epochs, two of which are kept
    assert [step for step in told if step[1] == 15] == [(n, 15) for n in range(11, 16)]


def test_a_categorizer_survives_the_disk(photos, tmp_path):
    categorizer = fit_image_categorizer(
        TinyBackbone(), photos, NAMES, **SETTINGS, freeze_backbone=False
    )
    categorizer.save(tmp_path)

    loaded = ImageCategorizer.load(tmp_path, TinyBackbone())

    assert weights(loaded) == weights(categorizer)
    assert (loaded.names, loaded.history) == (NAMES, categorizer.history)
    pixels = torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(loaded.predict(pixels), categorizer.predict(pixels))


def test_a_loss_that_is_not_finite_raises(photos):
    settings = {**SETTINGS, "learning_rate": math.inf, "freeze_backbone": False}

    with pytest.raises(DivergedError, match="not finite"):
        fit_image_categorizer(TinyBackbone(), photos, NAMES, **settings)


def test_the_learning_rate_rises_to_its_peak_and_falls():
    """Eleven steps: the rise ends at step 3, half of the way down is step 6.5."""
    shares = [one_cycle(step, 11) for step in range(11)]

    assert shares[0] == pytest.approx(1 / 25)
    assert shares[3] == 1.0
    assert shares[10] == pytest.approx(1e-4)
    assert shares[:4] == sorted(shares[:4])
    assert shares[3:] == sorted(shares[3:], reverse=True)
    assert shares[6] + shares[7] == pytest.approx(1 + 1e-4)  # symmetric about 6.5
    assert one_cycle(0, 1) == 1.0
    assert all(0 < one_cycle(step, 2) <= 1 for step in range(2))


def test_category_vectors_are_means_of_their_words():
    word_vectors = WordVectors(
        ["tomato", "soup", "background"], np.asarray([[2.0, 0.0], [0.0, 6.0], [9.0, 9.0]])
    )

    vectors = category_word_vectors(("background", "tomato soup", "plum cake"), word_vectors)

    assert vectors.tolist() == [[0, 0], [1, 3], [0, 0]]  # no word of "plum cake" is known


def test_f_cat_by_hand():
    vectors = np.asarray([[0, 0], [1, 3], [5, 1]], np.float32)
    probabilities = np.asarray([[0.0, 0.75, 0.25], [0.0, 0.25, 0.75]], np.float32)

    hard = image_category_vectors(probabilities, vectors)
    soft = image_category_vectors(probabilities, vectors, "soft")

    assert hard.tolist() == [[1, 3], [5, 1]]
    assert soft.tolist() == [[2.0, 2.5], [4.0, 1.5]]  # 0.75 (1, 3) + 0.25 (5, 1), and reversed
    assert hard.dtype == soft.dtype == np.float32
