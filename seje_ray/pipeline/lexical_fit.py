"""Fitting of the lexical bag's terms on train recipes."""

from seje_ray.calibration.language import ENGLISH
from seje_ray.calibration.lexical import TermReader, fit_lexicon
from seje_ray.pipeline.component_fits import Facts, FitInputs, Fitted


def lexical_fit(inputs: FitInputs) -> tuple[Fitted, Facts]:
    """Terms of the train texts, their idf and their vectors."""
    config = inputs.run.calibrate.lexical
    is_english = inputs.run.calibrate.language == ENGLISH  # others lose their own stop words before
    reading = TermReader(
        max_words=config.max_words,
        title_weight=config.title_weight,
        stop_words=config.stop_words if is_english else "none",
    )
    lexicon = fit_lexicon(
        inputs.corpus("train"),
        reading,
        min_count=config.min_count,
        max_terms=config.max_terms,
        dim=config.dim,
        max_recipes=config.max_recipes,
        seed=inputs.run.seed,
        progress=inputs.progress,
    )
    return lexicon, {"lexical": lexicon.facts}
