"""What the page says about sentence vectors of a file."""

from seje_ray.report.sentence_report import given_sentence_facts

COUNTS = {"sentences": 1200, "missing_sentences": 34, "recipes_without_sentences": 5}
GIVEN = {"num_vectors": 2000, "num_recipes": 90, "num_known": 85, "num_longer": 0}


def test_what_is_missing_is_told_in_numbers():
    assert given_sentence_facts(GIVEN, COUNTS) == (
        "34 of 1,200 instructions have none among the 2,000 of the file and got zeros; 5 recipes "
        "have none at all"
    )


def test_a_file_with_more_steps_than_recipes_have_is_told():
    """Its vectors may be of other sentences."""
    text = given_sentence_facts(GIVEN | {"num_longer": 7}, COUNTS)

    assert text.endswith(
        "the file continues after the last instruction of 7 of 90 train recipes, so its steps may "
        "be other ones"
    )
