"""Rows of a comparison are changes of a run that the run takes."""

import pytest

from seje_ray.config import load_run, named_run_file
from seje_ray.tuning.ablation import FULL, variations


@pytest.mark.parametrize("name", ["demo", "small", "seje"])
def test_every_row_is_a_run_of_its_own_or_the_full_model(name):
    """Rows that change nothing are those that say what the run already has."""
    run = load_run(named_run_file(name))
    rows = variations(run, "a-text-model")

    assert rows[0].name == FULL
    same = [row.name for row in rows[1:] if row.is_full(run)]
    expected = {"small": ["lexical bag fixed", "rater tfidf"]}.get(
        name,
        [
            "negatives both",
            "rater tfidf",
            f"image category {run.calibrate.image_categorizer.vector}",
        ],
    )
    assert same == expected
    runs = [row.applied(run) for row in rows if row.name not in same]
    assert all(one not in runs[:n] for n, one in enumerate(runs))
    assert len({row.role for row in rows}) == len(rows)


def test_the_bert_row_needs_a_model():
    """Without one it is left out; the run's own is taken."""
    run = load_run(named_run_file("demo"))
    assert not any("bert" in row.name for row in variations(run, None))
    own = load_run(named_run_file("demo"), ["calibrate.text_model=mine"])
    [bert] = [row for row in variations(own, None) if "bert" in row.name]
    assert bert.applied(own).calibrate.rater == "bert"


@pytest.mark.parametrize("encoder", ["none", "lstm", "transformer"])
@pytest.mark.parametrize("lexical", ["none", "learnt"])
@pytest.mark.parametrize("key_terms", [False, True])
def test_rows_of_the_recipe_side_leave_out_what_is_there(encoder, lexical, key_terms):
    """Each row leaves a part; none leaves out the only one, or what the run does not have."""
    if encoder == "none" and lexical == "none" and not key_terms:
        return  # no run
    run = load_run(
        named_run_file("demo"),
        [
            "calibrate.lexical.enabled=true", "calibrate.text_vectors=true",
            "calibrate.text_model=mine", f"model.recipe_encoder={encoder}",
            "model.recipe_transformer.key_terms=true", f"model.lexical={lexical}",
            f"model.use_key_terms={key_terms}", "model.part_dropout=0.1",
        ],
    )  # fmt: skip
    has_bag, has_tower = lexical != "none", encoder != "none"

    rows = {row.name: row for row in variations(run, None)}

    expected = {
        "without key terms": (key_terms and (has_tower or has_bag)) or encoder == "lstm",
        "without sentences": encoder == "lstm",
        "without recipe tower": encoder == "transformer" and (key_terms or has_bag),
        "without lexical bag": has_bag and (has_tower or key_terms),
        "lexical bag fixed": has_bag,
        "all parts in training": True,
        "all terms in training": False,
        "head projection": False,
    }
    assert {name: name in rows for name in expected} == expected
    for row in rows.values():
        row.applied(run)


def test_a_run_that_corrects_for_hubs_is_compared_with_one_that_does_not():
    """And no other run."""
    run = load_run(named_run_file("demo"), ["evaluate.hubness.weight=0.5"])
    [row] = [row for row in variations(run, None) if "hubs" in row.name]
    assert row.applied(run).evaluate.hubness.weight == 0
    plain = load_run(named_run_file("demo"))
    assert not any("hubs" in row.name for row in variations(plain, None))
