"""Ranking many pairs with a bar of what is done."""

from seje_ray.console.progress import Bars
from seje_ray.report.evaluation import GalleryLines, Measurable, evaluate, num_similarities
from seje_ray.retrieval.galleries import GalleryPlan

SHOWN_FROM = 10**9  # similarities: below, it is done before a bar could be read


def ranked(embeddings: Measurable, plan: GalleryPlan, name: str = "model") -> list[GalleryLines]:
    """As ``report.evaluation.evaluate``, with a bar on stderr where it takes long."""
    total = num_similarities(plan, len(embeddings.ids))
    if total < SHOWN_FROM:
        return evaluate(embeddings, plan, name=name)
    with Bars() as bars:
        move = bars.bar("ranking", "M similarities", total=total // 10**6)
        return evaluate(embeddings, plan, name=name, report=lambda done: move(done // 10**6))
