"""The key-term tagger."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.line_features import line_batch, read_line
from seje_ray.calibration.line_tagger import LineTagger, TaggedSpan, fit_line_tagger
from seje_ray.calibration.term_tagger import BilstmTagger, DetIngrsTagger, understood_entities
from seje_ray.errors import DivergedError
from seje_ray.recipe1m.records import Entity

SETTINGS = {"batch_size": 16, "learning_rate": 0.02, "seed": 3, "hidden_dim": 8}
NAMES = ("salt", "red wine", "olive oil", "walnuts", "plain flour", "eggs", "figs", "white rice")
FORMS = ("{n} cups {name}", "{n} tbsp. {name}, chopped", "{name} ({n} oz)", "1/{n} cup {name}")
NOTHING_KNOWN = Reexaminer(EntityLexicon({}))


def recipe_of(pairs, *, detected=True):
    entities = tuple(Entity(name, True) for _, name in pairs) if detected else None
    return RecipeText("0", "T", tuple(line for line, _ in pairs), (), entities)


@pytest.fixture(scope="module")
def pairs():
    """Every name in every form."""
    return [
        (form.format(n=2 + (i + j) % 7, name=name), name)
        for i, form in enumerate(FORMS)
        for j, name in enumerate(NAMES)
    ]


@pytest.fixture(scope="module")
def recipes(pairs):
    """Forty recipes of four lines."""
    generator = np.random.default_rng(0)
    return [
        recipe_of([pairs[i] for i in generator.choice(len(pairs), 4, replace=False)])
        for _ in range(40)
    ]


@pytest.fixture(scope="module")
def tagger(recipes):
    return fit_line_tagger(recipes, NOTHING_KNOWN, epochs=12, **SETTINGS)


def weights(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def test_a_small_corpus_is_learned_by_heart(tagger, pairs):
    spans = tagger.spans([line for line, _ in pairs])

    assert [span.entity for span in spans] == [name.replace(" ", "_") for _, name in pairs]
    assert min(span.confidence for span in spans) > 0.8
    losses = [epoch["loss"] for epoch in tagger.history]
    assert losses[0] > 10 * losses[-1]
    assert tagger.history[-1] == {
        "loss": losses[-1],
        "labelled": 160.0,
        "flagged": 0.0,
        "nameless": 0.0,
        "unaligned": 0.0,
        "unmatched": 0.0,
    }


@pytest.mark.parametrize(
    "line", ["4 cups zucchini", "3 tbsp. ZUCCHINI, chopped", "1/2 cup zucchini"]
)
def test_an_unseen_word_in_a_known_pattern_is_found(tagger, line):
    assert tagger.spans([line])[0].entity == "zucchini"


@pytest.mark.parametrize("line", ["", "!?", "1 1/2", "2 cups", "½"])
def test_lines_that_name_nothing_are_not_understood(tagger, line):
    span = tagger.spans([line])[0]

    assert not span.is_understood(0.5)
    assert span.entity is None or span.confidence < 0.5


def test_very_long_and_foreign_lines_give_a_probability(tagger):
    spans = tagger.spans(["2 cups " + "salt and " * 5000, "盐 5克", "соль по вкусу", "🧂🧂"])

    assert all(0 <= span.confidence <= 1 for span in spans)
    assert spans[3] == TaggedSpan(None, 0.0)


PARTS = st.sampled_from(["2", "cups", "salt", "red", "wine,", "(oz)", "figs", ""])
LINES = st.lists(st.lists(PARTS, max_size=7).map(" ".join), min_size=1, max_size=9)


@given(lines=LINES, seed=st.integers(0, 99))
def test_a_span_does_not_depend_on_the_lines_beside_it(tagger, lines, seed):
    alone = [tagger.spans([line])[0] for line in lines]
    order = np.random.default_rng(seed).permutation(len(lines))

    together = tagger.spans([lines[i] for i in order])

    assert [span.entity for span in together] == [alone[i].entity for i in order]
    np.testing.assert_allclose(
        [span.confidence for span in together], [alone[i].confidence for i in order], atol=1e-5
    )


def test_a_score_is_that_of_two_cells_read_from_both_ends(tagger):
    """A plain twin: mean of a word's pieces, one LSTM cell per direction, one logistic unit."""
    line = read_line("2 cups red wine, chopped")
    batch = line_batch([line])
    ends = [*batch.starts[1:], len(batch.pieces)]
    vectors = [
        torch.cat([tagger.pieces.weight[batch.pieces[a:b]].mean(0), torch.from_numpy(flags)])
        for a, b, flags in zip(batch.starts, ends, batch.flags[0], strict=True)
    ]
    states = {}
    for suffix, order in (("", range(5)), ("_reverse", reversed(range(5)))):
        cell = torch.nn.LSTMCell(len(vectors[0]), 8)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        cell.load_state_dict({n: getattr(tagger.lstm, f"{n}_l0{suffix}") for n in names})
        state = (torch.zeros(1, 8), torch.zeros(1, 8))
        for i in order:
            state = cell(vectors[i][None], state)
            states[suffix, i] = state[0]
    expected = [
        tagger.logistic(torch.cat([states["", i], states["_reverse", i]], dim=1)) for i in range(5)
    ]

    torch.testing.assert_close(tagger(batch)[0], torch.cat(expected)[:, 0])


def test_confidence_is_the_probability_of_all_decisions(tagger):
    scores = tagger(line_batch([read_line("2 cups red wine")]))[0].double()
    right = torch.where(scores > 0, torch.sigmoid(scores), 1 - torch.sigmoid(scores))

    span = tagger.spans(["2 cups red wine"])[0]

    assert span.confidence == pytest.approx(right.prod().item(), rel=1e-5)


def test_a_gap_is_left_out_of_the_entity():
    """Taught that the word between is no part of the name."""
    pairs = [(f"{n} {a} or {b} oil", f"{a} oil") for n in "23" for a, b in ("xy", "yz", "zx")]
    gapped = fit_line_tagger([recipe_of(pairs)] * 20, NOTHING_KNOWN, epochs=8, **SETTINGS)

    assert [s.entity for s in gapped.spans([line for line, _ in pairs])] == [
        name.replace(" ", "_") for _, name in pairs
    ]


def test_recipes_without_a_detector_learn_from_known_entities(pairs):
    known = Reexaminer(EntityLexicon({name.replace(" ", "_"): 1 for name in NAMES}))
    bare = [recipe_of(pairs, detected=False)] * 10

    model = fit_line_tagger(bare, known, epochs=12, **SETTINGS)

    assert [span.entity for span in model.spans(["5 cups figs", "3 cups zucchini"])] == [
        "figs",
        "zucchini",
    ]


@pytest.mark.parametrize(
    ("train", "epochs"),
    [
        ([], 2),
        ([recipe_of([("xyzzy 5", "plugh")])], 2),  # no label fits
        ([recipe_of([("2 cups salt", "salt")])], 0),
    ],
)
def test_an_unfitted_tagger_understands_nothing(train, epochs, tmp_path):
    model = fit_line_tagger(train, NOTHING_KNOWN, epochs=epochs, **SETTINGS)
    model.save(tmp_path)

    for unfitted in (model, LineTagger.load(tmp_path)):
        assert not unfitted.is_fitted
        assert unfitted.spans(["2 cups salt", ""]) == [TaggedSpan(None, 0.0)] * 2
        assert not unfitted.spans(["2 cups salt"])[0].is_understood(0.0)
    [tagged] = BilstmTagger(model, NOTHING_KNOWN, threshold=0.5).tag_all(
        [recipe_of([("2 cups salt", "")], detected=False)]
    )
    assert tagged.entities == ("salt",)
    assert tagged.num_rescued_lines == 1


def test_one_line_is_enough_to_fit():
    model = fit_line_tagger([recipe_of([("salt", "salt")])], NOTHING_KNOWN, epochs=1, **SETTINGS)

    assert model.is_fitted
    assert len(model.spans(["salt"])) == 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(recipes):
    first, again = (fit_line_tagger(recipes, NOTHING_KNOWN, epochs=1, **SETTINGS) for _ in range(2))
    other = fit_line_tagger(recipes, NOTHING_KNOWN, epochs=1, **{**SETTINGS, "seed": 4})

    assert weights(first) == weights(again) != weights(other)
    assert first.history == again.history


def test_fitting_leaves_the_global_generator_alone(recipes):
    before = torch.random.get_rng_state()

    fit_line_tagger(recipes, NOTHING_KNOWN, epochs=1, **SETTINGS)

    assert torch.equal(torch.random.get_rng_state(), before)


class StoppedError(Exception):
    """Stands for a killed process."""


def test_a_resumed_fit_equals_an_uninterrupted_one(recipes, tmp_path):
    def stop_in_third_epoch(done, total, text):
        if done > 2 * total / 3:
            raise StoppedError

    whole = fit_line_tagger(recipes, NOTHING_KNOWN, epochs=3, **SETTINGS)
    state = {"state_folder": tmp_path}
    with pytest.raises(StoppedError):
        fit_line_tagger(
            recipes, NOTHING_KNOWN, epochs=3, **SETTINGS, **state, progress=stop_in_third_epoch
        )
    told = []
    resumed = fit_line_tagger(
        recipes,
        NOTHING_KNOWN,
        epochs=3,
        **SETTINGS,
        **state,
        progress=lambda done, total, text: told.append((done, total)),
    )

    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history
    assert told == [(120, 120)]  # forty recipes in each of three epochs; two are not done again


def test_a_loss_that_is_not_finite_raises(recipes):
    with pytest.raises(DivergedError, match="not finite"):
        fit_line_tagger(recipes, NOTHING_KNOWN, epochs=5, **{**SETTINGS, "learning_rate": math.inf})


def test_a_tagger_survives_the_disk(tagger, pairs, tmp_path):
    tagger.save(tmp_path)

    loaded = LineTagger.load(tmp_path)

    assert weights(loaded) == weights(tagger)
    assert loaded.history == tagger.history
    lines = [line for line, _ in pairs]
    assert loaded.spans(lines) == tagger.spans(lines)


def test_lines_flagged_false_are_re_examined_and_counted(tagger):
    """Nothing reaches a confidence of 1.01: all lines fall to the re-examination."""
    recipe = recipe_of([("2 cups salt", "?"), ("5 dried, pitted dates", "?"), ("3 oz", "?")])
    known = Reexaminer(EntityLexicon({"pitted_dates": 1}))

    sure = BilstmTagger(tagger, known, threshold=0.0).tag_all([recipe])[0]
    unsure = BilstmTagger(tagger, known, threshold=1.01).tag_all([recipe])[0]

    assert sure.entities[0] == "salt"
    assert unsure.entities == (None, "pitted_dates", None)  # a common name does not serve here
    assert (unsure.num_rescued_lines, unsure.num_unknown_lines) == (1, 2)


@pytest.mark.parametrize("backend", ["bilstm", "det_ingrs"])
def test_many_recipes_at_once_are_tagged_as_one_by_one(tagger, recipes, backend):
    taggers = {
        "bilstm": BilstmTagger(tagger, NOTHING_KNOWN, threshold=0.5),
        "det_ingrs": DetIngrsTagger(NOTHING_KNOWN),
    }
    chosen = [*recipes, RecipeText("0", "T", (), (), None)]

    together = taggers[backend].tag_all(chosen)

    assert together == [taggers[backend].tag_all([recipe])[0] for recipe in chosen]
    assert together[-1].entities == ()
    assert taggers[backend].tag_all([]) == []


def test_the_entities_of_a_corpus_are_counted_by_line(tagger):
    train = [recipe_of([("2 cups salt", "?"), ("3 cups red wine", "?")]), recipe_of([("", "?")])]

    found = understood_entities(tagger, [*train, train[0]], threshold=0.5)

    assert found.frequencies == {"red_wine": 2, "salt": 2}
    assert understood_entities(tagger, train, threshold=1.01).frequencies == {}
