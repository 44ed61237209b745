"""Recipe-photo joint embedding (SEJE) on Ray: calibrate, train, tune, evaluate, search."""

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seje_ray.pipeline.index.searcher import Searcher

__all__ = ["Searcher", "__version__"]


def __getattr__(name: str) -> Any:
    """``Searcher``, which needs torch, when it is asked for."""
    if name == "Searcher":
        from seje_ray.pipeline.index.searcher import Searcher

        return Searcher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
