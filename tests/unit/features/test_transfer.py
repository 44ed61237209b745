"""What a new model takes of a given one."""

import pytest
import torch

from seje_ray.features.transfer import Axis, Labelled, Mapped, Other, Same, transfer


def test_tensors_of_one_name_and_shape_are_taken_and_the_rest_is_named():
    """Another shape is new here and dropped there."""
    own = {"a.weight": torch.zeros(2, 3), "b.x.weight": torch.zeros(2), "c.weight": torch.zeros(1)}
    given = {"a.weight": torch.ones(2, 3), "b.x.weight": torch.ones(3), "d.weight": torch.ones(1)}

    found = transfer(own, given, ({}, {}), {})

    assert list(found.state) == ["a.weight"]
    assert found.state["a.weight"].equal(torch.ones(2, 3))
    assert found.lines() == ["taken: a (all)", "new: b.x, c", "dropped: b.x (1), d (1)"]


def test_rows_are_taken_by_their_names():
    """In the order of the new model; a name that only it has stays as it was drawn."""
    own = {"head.weight": torch.full((3, 2), -1.0)}
    given = {"head.weight": torch.tensor([[1.0, 1], [2, 2], [3, 3]])}
    axes = ({"head.weight": Axis(0, (("names", 3),))},) * 2

    found = transfer(own, given, axes, {"names": Labelled(("c", "new", "a"), ("a", "b", "c"))})

    assert found.state["head.weight"].tolist() == [[3, 3], [-1, -1], [1, 1]]
    assert found.lines()[0] == "taken: head (0 of 1 tensors, 67% of weight)"


def test_a_stretch_of_inputs_is_taken_and_another_left():
    """Columns of photos are the same, and those of words stand for something else."""
    own, given = torch.zeros(2, 5), torch.ones(2, 4)
    axes = (
        {"w.weight": Axis(1, (("photos", 3), ("words", 2)))},
        {"w.weight": Axis(1, (("words", 1), ("photos", 3)))},
    )

    found = transfer(
        {"w.weight": own}, {"w.weight": given}, axes, {"photos": Same(), "words": Other()}
    )

    assert found.state["w.weight"].tolist() == [[1, 1, 1, 0, 0]] * 2
    assert own.equal(torch.zeros(2, 5))


def test_a_layer_behind_mapped_vectors_gives_what_it_gave():
    """Where the new vectors, times the map, are the given ones, the outputs are equal."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, generator=generator)
    matrix = torch.randn(5, 3, generator=generator)
    vectors = torch.randn(7, 5, generator=generator)
    axes = ({"w": Axis(1, (("words", 5),))}, {"w": Axis(1, (("words", 3),))})

    found = transfer({"w": torch.zeros(4, 5)}, {"w": weight}, axes, {"words": Mapped(matrix)})

    torch.testing.assert_close(vectors @ found.state["w"].T, (vectors @ matrix) @ weight.T)


def test_a_vector_of_a_name_that_only_the_new_model_has_is_mapped():
    """By the map that takes the own vectors of shared names to the given ones."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(150, 4, generator=generator)
    matrix = torch.randn(4, 4, generator=generator)
    names = [f"name{n}" for n in range(150)]
    axes = ({"w": Axis(0, (("names", 150),))}, {"w": Axis(0, (("names", 120),))})
    stretch = Labelled(names, names[:120], is_vector=True)

    found = transfer({"w": own}, {"w": (own @ matrix)[:120]}, axes, {"names": stretch})

    torch.testing.assert_close(found.state["w"], own @ matrix, rtol=0, atol=0.05)
    assert found.state["w"][:120].equal((own @ matrix)[:120])


@pytest.mark.parametrize("stretch", [Same(), Labelled(("a",), ("a",)), Mapped(torch.zeros(1, 1))])
def test_what_does_not_fit_in_length_is_new(stretch):
    """Whatever was said of it; and nothing taken is empty."""
    axes = ({"w": Axis(0, (("names", 3),))}, {"w": Axis(0, (("names", 2),))})
    found = transfer({"w": torch.zeros(3, 1)}, {"w": torch.ones(2, 1)}, axes, {"names": stretch})

    assert found.state == {}
    assert found.is_empty
    assert not transfer({"w": torch.ones(1, 1)}, {"w": torch.ones(1, 1)}, ({}, {}), {}).is_empty
