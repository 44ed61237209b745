"""Axes of a model's weights that stand for what calibration gave: words, photos, categories."""

from torch import Tensor

from seje_ray.features.transfer import Axis, State

INPUT_WEIGHTS = ("linear.weight", "mlp.1.weight")  # of a head, (outputs, inputs)
INPUT_NORMS = ("norm.running_mean", "norm.running_var")  # of a residual head
LSTM = "lstm."


def model_axes(state: State, word_dim: int, *, has_key_terms: bool) -> dict[str, Axis]:
    """Tensors of a joint embedding with such an axis, by name.

    What an axis stands for: ``photos`` (pooled features), ``words`` (dimensions of word vectors),
    ``standardised words`` (the same, behind a layer that standardises them), ``sentences``
    (dimensions of f_sent, and a state of the LSTM that reads them), ``tower`` (what the recipe
    tower gives), ``terms`` of the lexical bag, ``bag`` (dimensions of its vectors), ``categories``.

    Args:
        state: Of the model.
        word_dim: E.
        has_key_terms: Whether f_term is a part of the recipe side.
    """
    axes: dict[str, Axis] = {}
    for name, value in state.items():
        part, _, below = name.partition(".projection.")
        if below:
            found = _of_inputs(below, value, _inputs(state, part, word_dim, has_key_terms))
        else:
            found = _axis(name, value, word_dim)
        if found is not None:
            axes[name] = found
    return axes


def _axis(name: str, value: Tensor, word_dim: int) -> Axis | None:
    if name == "recipe_encoder.lexical.vectors":
        return Axis(0, (("terms", len(value)),))
    if name == "recipe_encoder.lexical.mean":
        return Axis(0, (("bag", len(value)),))
    if name == "recipe_encoder.key_terms.weight":
        return Axis(1, (("words", word_dim),))
    if name.startswith("recipe_encoder.") and LSTM in name:
        return Axis(0, (("sentences", len(value)),))
    if name.startswith("category_head.linear."):
        return Axis(0, (("categories", len(value)),))
    return None


def _of_inputs(name: str, value: Tensor, inputs: tuple[tuple[str, int], ...] | None) -> Axis | None:
    """The inputs of a head; its norm of them has none of a bag, which comes standardised."""
    if inputs is None:
        return None
    if name in INPUT_WEIGHTS:
        return Axis(1, inputs)
    if name in INPUT_NORMS and len(value) == sum(size for what, size in inputs if what != "bag"):
        return Axis(0, tuple(part for part in inputs if part[0] != "bag"))
    return None


def _inputs(
    state: State, part: str, word_dim: int, has_key_terms: bool
) -> tuple[tuple[str, int], ...] | None:
    """What a head's inputs are: of photos, or of recipes where nothing stands before the head."""
    is_residual = f"{part}.projection.mlp.1.weight" in state
    total = state[f"{part}.projection.linear.weight"].shape[1]
    if part == "image_head":
        words = "standardised words" if is_residual else "words"
        return ("photos", total - word_dim), (words, word_dim)
    vectors = state.get("recipe_encoder.lexical.vectors")
    num_bag = 0 if vectors is None else vectors.shape[1]
    if not is_residual:  # f_term comes through a layer of its own
        return ("tower", total - num_bag), ("bag", num_bag)
    num_words = word_dim if has_key_terms else 0
    tower = ("tower", total - num_words - num_bag)
    return tower, ("standardised words", num_words), ("bag", num_bag)
