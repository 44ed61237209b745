"""Many trainings, each a trial in a folder of its own, resumed as one where they were."""

from collections.abc import Sequence

from seje_ray.errors import SejeError
from seje_ray.pipeline.executor import Session
from seje_ray.tuning.scheduling import Allotment, Scheduling
from seje_ray.tuning.trial_book import NextPlan, TrialBook
from seje_ray.tuning.trial_plan import TrialPlan
from seje_ray.tuning.trials import Trial

MEASURED = ("val", "test")  # partitions, with the best checkpoint of a trial that is compared


def run_trials(
    session: Session,
    book: TrialBook,
    next_plan: NextPlan,
    *,
    total: int,
    allotted: Allotment,
    title: str,
    scheduling: Scheduling | None = None,
) -> None:
    """Run trials until ``total`` have ended, and all that were begun before: these first.

    Args:
        session: Where to compute.
        book: What is known of them; every trial in it has ended afterwards.
        next_plan: Gives the next trial to begin.
        total: Trials in all.
        allotted: What the session allotted them.
        title: Name of the work, a word or two.
        scheduling: What stops or changes trials; None if each goes to its end.

    Raises:
        SejeError: What ``next_plan`` raised, or if a trial was lost.
    """
    total = max(total, len(book.trials))  # fewer may be asked for than were begun
    if len(book.trials) - len(book.unfinished()) >= total:
        return
    session.run_trials(
        book, next_plan, total=total, allotted=allotted, title=title, scheduling=scheduling
    )
    if book.unfinished():
        raise SejeError(
            f"{book.folder}: {len(book.unfinished())} trials have not ended; repeat the command"
        )


def run_plans(
    session: Session,
    book: TrialBook,
    plans: Sequence[TrialPlan],
    *,
    allotted: Allotment,
    title: str,
) -> list[Trial]:
    """Run each plan as a trial, in this order; what the book has of these very plans is kept."""
    book.keep(plans)

    def next_plan(book: TrialBook) -> TrialPlan | None:
        return next((plan for plan in plans if plan.name not in book.trials), None)

    run_trials(session, book, next_plan, total=len(plans), allotted=allotted, title=title)
    return [book.trials[plan.name] for plan in plans]
