"""Image networks of some libraries by name, and what the library publishes about each."""

import difflib
from typing import Any, Literal, NamedTuple, assert_never

from seje_ray.errors import SejeError
from seje_ray.models.hugging_face import read_config, read_preprocessing
from seje_ray.recipe1m.windows import Interpolation

Library = Literal["torchvision", "timm", "transformers"]
Channels = tuple[float, float, float]  # red, green, blue

TRANSFORMERS = "transformers/"  # before a local folder or hub name

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


class BackboneError(SejeError):
    """An image backbone cannot be built or filled with weights; says why."""


class Published(NamedTuple):
    """Preparation of photos for the training of a network's published weights.

    Source: docs/method.md, rule 6.3.
    """

    mean: Channels  # of pixels in [0, 1]
    std: Channels
    interpolation: Interpolation


def published(name: str) -> Published:
    """The library's published configuration of the network ``name``.

    Raises:
        BackboneError: If the name is unknown, or photos were scaled in a way that is not here.
    """
    library, model = resolve(name)
    if library == "transformers":
        return _preprocessing(name, model)
    if library == "torchvision":
        import torchvision

        transforms = torchvision.models.get_model_weights(model).DEFAULT.transforms()
        mean, std = transforms.mean, transforms.std
        interpolation = transforms.interpolation.value
    else:
        config = _timm_config(model)
        mean, std, interpolation = config.mean, config.std, config.interpolation
    if interpolation not in ("bilinear", "bicubic"):
        raise BackboneError(
            f"{name}: its published weights take photos scaled by interpolation "
            f"{interpolation!r}, expected bilinear or bicubic; name another network in "
            "backbone.name"
        )
    return Published(tuple(mean), tuple(std), interpolation)


def network_config(name: str) -> dict[str, Any] | None:
    """Configuration that a network is built from beside its name; None if the name is enough."""
    library, model = resolve(name)
    return read_config(model) if library == "transformers" else None


def _preprocessing(name: str, model: str) -> Published:
    """The preparation of photos that a model's folder publishes."""
    settings = read_preprocessing(model)
    known: dict[int, Interpolation] = {2: "bilinear", 3: "bicubic"}
    interpolation = known.get(settings.get("resample", 3))
    if interpolation is None:
        raise BackboneError(
            f"{name}: its photos are scaled by filter {settings['resample']} of Pillow, expected "
            "bilinear (2) or bicubic (3); name another network in backbone.name"
        )
    mean, std = settings["image_mean"], settings["image_std"]
    return Published(tuple(mean), tuple(std), interpolation)


def published_before(name: str) -> Published:
    """The configuration that older versions, which did not store it, used for ``name``."""
    library, _ = resolve(name)
    if library == "torchvision":
        return Published(IMAGENET_MEAN, IMAGENET_STD, "bilinear")
    return published(name)._replace(interpolation="bilinear")


def resolve(name: str) -> tuple[Library, str]:
    """Library and model of a name.

    ``torchvision/NAME``, ``timm/NAME``, NAME (torchvision's first), or ``transformers/SOURCE``: the
    image tower of a CLIP or SigLIP in a local folder or on the hub.

    Raises:
        BackboneError: If no library knows it; names close ones.
    """
    if name.startswith(TRANSFORMERS):
        return "transformers", name.removeprefix(TRANSFORMERS)
    import timm
    import torchvision

    library, _, model = name.rpartition("/")
    known: dict[Library, list[str]] = {
        "torchvision": torchvision.models.list_models(module=torchvision.models),
        "timm": timm.list_models(),
    }
    for candidate, models in known.items():
        architecture = model.split(".")[0] if candidate == "timm" else model
        if library in ("", candidate) and architecture in models:
            return candidate, model
    names = [f"{key}/{m}" for key, models in known.items() for m in models]
    full = name if library in known else f"torchvision/{model}"
    close = difflib.get_close_matches(full, names, n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(close)}?" if close else "see timm.list_models()"
    raise BackboneError(
        f"backbone.name {name!r}: expected torchvision/NAME or timm/NAME with a name the library "
        f"knows, or transformers/FOLDER_OR_HUB_NAME; {hint}"
    )


def timm_network(model: str, image_size: int, *, pretrained: bool, drop_path: float = 0.0) -> Any:
    """A network of timm without classifier, for images of ``image_size`` pixels."""
    import timm

    options = timm_options(model, image_size)
    if drop_path > 0:
        options["drop_path_rate"] = drop_path
    return timm.create_model(model, pretrained=pretrained, **options)


def timm_options(model: str, image_size: int) -> dict[str, Any]:
    """Options of a network of timm without classifier, for images of ``image_size`` pixels."""
    size = {"img_size": image_size} if has_fixed_size(model) else {}
    return {"num_classes": 0, **size}


def has_fixed_size(model: str) -> bool:
    """Whether a network of timm is built for one image size."""
    return bool(_timm_config(model).fixed_input_size)


def takes_only_squares(name: str) -> bool:
    """Whether the network ``name`` is built for one square image size."""
    library, model = resolve(name)
    match library:
        case "torchvision":
            return model.startswith(("vit_", "maxvit"))
        case "timm":
            return has_fixed_size(model)
        case "transformers":
            return True
    assert_never(library)


def _timm_config(model: str) -> Any:
    import timm

    try:
        return timm.get_pretrained_cfg(model, allow_unregistered=False)
    except RuntimeError as error:
        raise BackboneError(
            f"timm/{model}: {error}; see timm.list_pretrained() for names with a tag"
        ) from error
