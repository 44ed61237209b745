"""Axes of a model's weights that stand for what calibration gave: words, photos, categories."""

from torch import Tensor

from seje_ray.features.transfer import Axis, State

INPUT_WEIGHTS = ("linear.weight", "mlp.1.weight")  # of a head, (outputs, inputs)
LSTM = "lstm."


def model_axes(state: State, word_dim: int) -> dict[str, Axis]:
    """Tensors of a joint embedding with such an axis, by name.

    What an axis stands for: ``photos`` (pooled features), ``words`` (dimensions of word vectors),
    ``standardised words`` (the same, behind a layer that standardises them), ``sentences``
    (dimensions of f_sent, and a state of the LSTM that reads them), ``categories``.

    Args:
        state: Of the model.
        word_dim: E.
    """
    axes: dict[str, Axis] = {}
    for name, value in state.items():
        found = _axis(name, value, word_dim, is_residual=_is_residual(state, "image_head"))
        if found is not None:
            axes[name] = found
    return axes


def _axis(name: str, value: Tensor, word_dim: int, *, is_residual: bool) -> Axis | None:
    part, _, below = name.partition(".projection.")
    if part == "image_head" and below:
        words = "standardised words" if is_residual else "words"
        return _of_inputs(below, value, words, word_dim, is_residual=is_residual)
    if name == "recipe_encoder.key_terms.weight":
        return Axis(1, (("words", word_dim),))
    if name.startswith("recipe_encoder.") and LSTM in name:
        return Axis(0, (("sentences", len(value)),))
    if name.startswith("category_head.linear."):
        return Axis(0, (("categories", len(value)),))
    return None


def _of_inputs(
    name: str, value: Tensor, words: str, word_dim: int, *, is_residual: bool
) -> Axis | None:
    """The inputs of the image's head: pooled features, then f_cat."""
    if name in INPUT_WEIGHTS:
        return Axis(1, (("photos", value.shape[1] - word_dim), (words, word_dim)))
    if is_residual and name in ("norm.running_mean", "norm.running_var"):
        return Axis(0, (("photos", len(value) - word_dim), (words, word_dim)))
    return None


def _is_residual(state: State, part: str) -> bool:
    return f"{part}.projection.mlp.1.weight" in state
