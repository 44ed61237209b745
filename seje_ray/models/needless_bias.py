"""Biases right before a BatchNorm, which takes them away again.

The gradient of such a bias is only rounding. Adam makes steps of full size of it, and the running
mean, which evaluation uses, lags behind: evaluation would hang on the order of sums, and so on the
number of workers. Layers do without; a state that still has such a bias is folded into the running
mean when it is loaded, which changes no evaluation. Source: docs/method.md, rule 4.5.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

BATCH_NORM = nn.modules.batchnorm._BatchNorm
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
BIAS_INPUT = {"ConvolutionBackward0": 2, "AddmmBackward0": 0, "AddBackward0": 1}  # of a node
VIEWS = ("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "TransposeBackward0")


class BiasAndNorm(NamedTuple):
    """Names of a layer and of a BatchNorm on it; nothing but such norms takes what it gives."""

    layer: str
    norm: str


def biases_before_batch_norm(module: nn.Module, example: Tensor) -> list[BiasAndNorm]:
    """Find the biases that a BatchNorm takes away, in the graph of one pass on the meta device.

    Args:
        module: Any module whose output is one tensor; it is left as it is.
        example: Input on the meta device, at least two rows.

    Returns:
        Layers with a bias whose output goes only into a BatchNorm; a layer that is called several
        times may go into several, and is there once for each.

    Raises:
        RuntimeError: If the module cannot be run without numbers.
    """
    modules = list(module.modules())
    if not any(isinstance(part, BATCH_NORM) for part in modules):
        return []
    if not any(isinstance(part, LAYERS) and part.bias is not None for part in modules):
        return []
    tensors = chain(module.named_parameters(), module.named_buffers())
    on_meta = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
    names = {id(value): name for name, value in on_meta.items()}
    for name, _ in module.named_parameters():
        on_meta[name].requires_grad_()
    with torch.enable_grad():
        output: Tensor = functional_call(module, on_meta, (example,))
    nodes = list(_nodes(output.grad_fn))
    uses = Counter(node for user in nodes for node, _ in user.next_functions)
    calls: Counter[tuple[str, str]] = Counter()  # of a norm's weight on a layer's bias
    for node in nodes:
        if "BatchNormBackward" in node.name():
            bias, norm = _bias_before(node, uses), _variable(node, 1)
            if bias is not None and norm is not None:
                calls[names[id(bias)], names[id(norm)]] += 1
    num_uses = {names[id(n.variable)]: uses[n] for n in nodes if hasattr(n, "variable")}
    return [
        BiasAndNorm(_owner(bias), _owner(norm))
        for bias, norm in _pairs_alone(calls, num_uses)
        if isinstance(module.get_submodule(_owner(bias)), LAYERS)
    ]


def _pairs_alone(
    calls: Counter[tuple[str, str]], num_uses: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """Biases that go into norms alone, each with its norms, which take nothing else."""
    seen: Counter[str] = Counter()
    shared = set()
    for (bias, norm), number in calls.items():
        seen[bias] += number
        if number != num_uses[norm]:
            shared.add(bias)
    for bias, norm in calls:
        if seen[bias] == num_uses[bias] and bias not in shared:
            yield bias, norm


def _nodes(root: Any) -> Iterator[Any]:
    """All nodes of a graph, each once."""
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        new = {n for n, _ in node.next_functions if n is not None} - seen
        seen |= new
        waiting.extend(new)


def _bias_before(norm: Any, uses: Counter[Any]) -> Tensor | None:
    """Bias of the layer whose output, or a view of it, nothing but ``norm`` takes."""
    node = norm.next_functions[0][0]
    while node is not None and uses[node] == 1 and node.name() in VIEWS:
        node = node.next_functions[0][0]
    if node is None or uses[node] != 1 or node.name() not in BIAS_INPUT:
        return None
    return _variable(node, BIAS_INPUT[node.name()])


def _variable(node: Any, number: int) -> Tensor | None:
    """The parameter that is a node's input, if it is one."""
    variable: Tensor | None = getattr(node.next_functions[number][0], "variable", None)
    return variable


def _owner(parameter: str) -> str:
    return parameter.rpartition(".")[0]


def fold_biases(module: nn.Module, pairs: list[BiasAndNorm]) -> None:
    """Take the biases out of ``module``, in place; its evaluation stays."""
    for layer_name, norm_names in _norms_of_layers(pairs).items():
        layer = module.get_submodule(layer_name)
        assert isinstance(layer, LAYERS)
        for norm_name in norm_names:
            norm = module.get_submodule(norm_name)
            assert isinstance(norm, BATCH_NORM)
            if norm.running_mean is not None and layer.bias is not None:
                norm.running_mean -= layer.bias.detach()
        layer.bias = None
    accept_biases(module, pairs)


def _norms_of_layers(pairs: Iterable[BiasAndNorm]) -> dict[str, set[str]]:
    """Layer -> all norms that it goes into."""
    norms: dict[str, set[str]] = {}
    for layer, norm in pairs:
        norms.setdefault(layer, set()).add(norm)
    return norms


def accept_biases(module: nn.Module, pairs: list[BiasAndNorm]) -> None:
    """Let ``module`` load states that have biases which it has not; they are folded."""
    if pairs:
        hook = partial(_fold_of_state, pairs)
        # torch leaves this method without annotations.
        module.register_load_state_dict_pre_hook(hook)  # type: ignore[no-untyped-call]


def _fold_of_state(
    pairs: list[BiasAndNorm],
    module: nn.Module,
    state: MutableMapping[str, Tensor],
    prefix: str,
    *_: object,
) -> None:
    for layer, norms in _norms_of_layers(pairs).items():
        bias = state.pop(f"{prefix}{layer}.bias", None)
        for norm in norms:
            shift_running_mean(state, f"{prefix}{norm}", bias)


def shift_running_mean(state: MutableMapping[str, Tensor], norm: str, shift: Tensor | None) -> None:
    """Let a BatchNorm of a state expect its input without ``shift`` (C,), if there is one."""
    name = f"{norm}.running_mean"
    if shift is not None and name in state:
        state[name] = state[name] - shift
