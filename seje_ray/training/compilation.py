"""torch.compile of the model's parts."""

import torch

from seje_ray.errors import SejeError, first_line
from seje_ray.models.joint_embedding import JointEmbedding


class CompilationError(SejeError):
    """This machine cannot compile; says why."""


def compile_parts(model: JointEmbedding, device: torch.device) -> None:
    """Let each part of ``model`` be compiled, in place, when it is first called.

    Its parameters and their names stay.

    Raises:
        CompilationError: If a small function cannot be compiled here.
    """
    _require_compiler(device)
    for child in model.children():
        child.compile()


def _require_compiler(device: torch.device) -> None:
    def doubled(values: torch.Tensor) -> torch.Tensor:
        return 2 * values + 1

    try:
        torch.compile(doubled)(torch.zeros(3, device=device))
    except RuntimeError as error:  # all of torch.compile's own errors are
        raise CompilationError(
            f"train.compile: torch.compile fails on this machine ({type(error).__name__}: "
            f"{first_line(error)}); install a C++ compiler, or set train.compile to false"
        ) from error
