"""Features of photos: those of one photo after the other, in order, whatever the threads."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn.modules.module import register_module_forward_hook

from seje_ray.calibration.categories import Categories
from seje_ray.calibration.image_categorizer import ImageCategorizer
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import load_run, named_run_file, with_settings
from seje_ray.errors import ArtifactError
from seje_ray.features.model import backbone_of, pixels_of
from seje_ray.features.photos import CPU_BATCH_SIZE, PhotoExtractor, seen_photos
from seje_ray.models.backbone_weights import weights_hash
from seje_ray.models.image_backbone import ImageBackbone

NAMES = ["background", "tomato soup", "plum cake"]


@pytest.fixture
def run():
    """Two small networks without weights from elsewhere: the categorizer's, and a frozen one."""
    sizes = [
        f"{section}.{side}"
        for section in ("calibrate.image_categorizer.backbone", "model.backbone")
        for side in ("resize=18", "crop=16")
    ]
    frozen = ["model.freeze_backbone=true", "calibrate.image_categorizer.vector=soft"]
    return load_run(named_run_file("demo"), [*sizes, *frozen])


@pytest.fixture
def calibrator(tmp_path, run):
    for name in ("image_categorizer", "text", "word_vectors"):
        (tmp_path / name).mkdir()
    torch.manual_seed(0)
    backbone = backbone_of(run.calibrate.image_categorizer.backbone)
    ImageCategorizer(backbone, NAMES).save(tmp_path / "image_categorizer")
    Categories(tuple(NAMES), ("title",) * 3).save(tmp_path / "text")
    vectors = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    WordVectors(["tomato", "soup", "plum", "cake"], vectors).save(tmp_path / "word_vectors")
    return tmp_path


def photo(number):
    colour = tuple(np.random.default_rng(number).integers(0, 255, 3).tolist())
    buffer = io.BytesIO()
    Image.new("RGB", (24, 20), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("num_threads", [1, 3])
def test_batches_and_threads_change_no_feature_and_no_order(run, calibrator, num_threads):
    """More batches than threads; the last one is short."""
    jpegs = [photo(n) for n in range(4 * CPU_BATCH_SIZE + 3)]
    extractor = PhotoExtractor(run, calibrator, torch.device("cpu"), num_threads=num_threads)

    found = extractor.extract(jpegs)

    assert found.pooled is not None
    assert found.category_ids.shape == (len(jpegs),)
    assert len(np.unique(found.pooled.round(4), axis=0)) > len(jpegs) // 2
    for number in (0, CPU_BATCH_SIZE - 1, CPU_BATCH_SIZE, 2 * CPU_BATCH_SIZE + 7, len(jpegs) - 1):
        alone = extractor.extract([jpegs[number]])
        np.testing.assert_allclose(found.pooled[number], alone.pooled[0], atol=1e-5)
        np.testing.assert_allclose(
            found.category_vectors[number], alone.category_vectors[0], atol=1e-5
        )
        assert found.category_ids[number] == alone.category_ids[0]


def test_a_frozen_backbone_without_weights_is_the_same_one_every_time(run, calibrator):
    """Calibration's actors and a later query see one random network, another seed another one."""

    def features(run):
        extractor = PhotoExtractor(run, calibrator, torch.device("cpu"), num_threads=1)
        return extractor.extract([photo(1)]).pooled

    torch.manual_seed(1)
    first = features(run)
    torch.manual_seed(2)

    np.testing.assert_array_equal(features(run), first)
    assert not np.allclose(features(replace(run, seed=run.seed + 1)), first)


@pytest.mark.parametrize(
    ("categorizer_seed", "crop", "num_passes"), [(0, 16, 1), (1, 16, 2), (0, 18, 2)]
)
def test_a_photo_passes_a_backbone_that_both_have_only_once(
    run, calibrator, categorizer_seed, crop, num_passes
):
    """Equal weights and pixels; others are not taken for equal; always what each gives alone."""
    torch.manual_seed(categorizer_seed)
    config = replace(run.model.backbone, crop=crop)
    own = backbone_of(config)
    categorizer = ImageCategorizer(own, NAMES).eval()
    categorizer.is_fitted = True
    categorizer.save(calibrator / "image_categorizer")
    torch.manual_seed(run.seed)
    frozen = backbone_of(run.model.backbone).eval()
    photos = replace(run.calibrate.image_categorizer, backbone=config)
    run = replace(run, calibrate=replace(run.calibrate, image_categorizer=photos))
    extractor = PhotoExtractor(run, calibrator, torch.device("cpu"))
    passes = []

    def note(module, inputs, output):
        if isinstance(module, ImageBackbone):
            passes.append(module)

    jpegs = [photo(n) for n in range(3)]
    with register_module_forward_hook(note):
        found = extractor.extract(jpegs)

    def pixels_for(config):
        spec = pixels_of(config)[0]
        return torch.from_numpy(spec.stack([spec.crop_of(jpeg, None) for jpeg in jpegs]))

    assert len(passes) == num_passes
    expected = categorizer.predict(pixels_for(config)).numpy()
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    with torch.inference_mode():
        expected = frozen(pixels_for(run.model.backbone)).numpy()
    np.testing.assert_allclose(found.pooled, expected, atol=1e-5)


@pytest.mark.parametrize("is_fitted", [True, False])
def test_the_categorizers_own_features_are_stored_where_they_are_wanted(run, calibrator, is_fitted):
    """What its backbone gives for the same crops, by either setting that asks for them."""
    backbone = backbone_of(run.calibrate.image_categorizer.backbone)
    categorizer = ImageCategorizer.load(calibrator / "image_categorizer", backbone)
    categorizer.is_fitted = is_fitted
    categorizer.save(calibrator / "image_categorizer")
    frozen = with_settings(run, {"model.backbone.weights": "categorizer"})
    stores = with_settings(run, {"model.freeze_backbone": False})
    silent = with_settings(stores, {"calibrate.image_categorizer.store_features": False})
    jpegs = [photo(n) for n in range(CPU_BATCH_SIZE + 3)]

    def pooled(run):
        return PhotoExtractor(run, calibrator, torch.device("cpu")).extract(jpegs).pooled

    config = run.calibrate.image_categorizer.backbone
    pixels = pixels_of(config)[0]
    crops = torch.from_numpy(pixels.stack([pixels.crop_of(jpeg, None) for jpeg in jpegs]))
    with torch.inference_mode():
        expected = categorizer.backbone(crops).numpy()
    np.testing.assert_allclose(pooled(frozen), expected, atol=1e-5)
    np.testing.assert_array_equal(pooled(stores), pooled(frozen))
    assert pooled(silent) is None
    assert not np.allclose(pooled(replace(run, seed=5)), expected)  # a frozen one of its own


def test_a_query_is_refused_where_the_stored_features_are_of_other_weights(
    run, calibrator, tmp_path
):
    """The file under the same name has changed since calibration."""
    config = run.model.backbone
    path = tmp_path / "weights.safetensors"

    def save(seed):
        torch.manual_seed(seed)
        network = backbone_of(config).network
        state = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(state, path)
        return weights_hash(network)

    run = with_settings(run, {"model.backbone.weights": str(path)})
    published = seen_photos(run)

    def extractor(stored_hash):
        seen = published._replace(weights_hash=stored_hash)
        return PhotoExtractor(run, calibrator, torch.device("cpu"), seen=seen)

    stored = save(1)
    assert extractor(stored).extract([photo(1)]).pooled.shape == (1, 96)
    save(2)
    with pytest.raises(ArtifactError, match=r"weights of backbone.weights .*weights.safetensors"):
        extractor(stored)


def test_photos_are_seen_as_calibration_saw_them(run, calibrator):
    """Normalisation and interpolation of both networks are what is asked for."""
    today = seen_photos(run)
    other = today.stored._replace(mean=(0.3, 0.4, 0.5))
    sharper = today.stored._replace(interpolation="bicubic")

    def pooled(stored):
        seen = today._replace(stored=stored)
        extractor = PhotoExtractor(run, calibrator, torch.device("cpu"), seen=seen)
        return extractor.extract([stripes()]).pooled

    plain = pooled(today.stored)
    assert np.abs(pooled(other) - plain).max() > 1e-3
    assert np.abs(pooled(sharper) - plain).max() > 1e-4
    np.testing.assert_array_equal(pooled(today.stored), plain)


def stripes():
    """A photo that its interpolation changes."""
    buffer = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(values).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("views", [["whole"], ["crop", "whole"], ["whole", "crop"]])
def test_features_of_views_lie_side_by_side(run, calibrator, views, flip):
    """Each is what the network gives for it alone; the categorizer sees what it always does."""
    jpegs = [stripes(), photo(2)]
    plain = PhotoExtractor(run, calibrator, torch.device("cpu")).extract(jpegs)
    settings = {"model.backbone.views": views, "model.backbone.flip": flip}
    run = with_settings(run, settings)
    torch.manual_seed(run.seed)
    frozen = backbone_of(run.model.backbone).eval()
    specs = pixels_of(run.model.backbone)

    found = PhotoExtractor(run, calibrator, torch.device("cpu")).extract(jpegs)

    np.testing.assert_allclose(found.category_vectors, plain.category_vectors, atol=1e-6)
    parts = np.split(found.pooled, len(views), axis=1)
    for view, spec, part in zip(views, specs, parts, strict=True):
        pixels = torch.from_numpy(spec.stack([spec.crop_of(jpeg, None) for jpeg in jpegs]))
        assert pixels.shape[2:] == ((16, 16) if view == "crop" else (32, 32))
        with torch.inference_mode():
            expected = frozen(pixels)
            mirrored = frozen(pixels.flip(-1))
        np.testing.assert_allclose(part, expected.numpy(), atol=1e-5)
        assert torch.allclose(expected, mirrored, atol=1e-5) == flip
