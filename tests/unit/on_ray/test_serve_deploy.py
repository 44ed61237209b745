"""What is told of a model that does not come up; the rest of it needs Serve: tests/on_ray."""

import pytest

pytest.importorskip("ray.serve", reason="needs the extra serve")

from seje_ray.on_ray.serve_deploy import last_line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Error:\n  File x\nseje_ray.errors.ArtifactError: w/calibrator: is not there\n\n",
         "w/calibrator: is not there"),
        ("Traceback\nRuntimeError: no room.\n", "RuntimeError: no room"),
        ("no update of ['Embed'].", "no update of ['Embed']"),
        (" \n", ""),
    ],
)  # fmt: skip
def test_the_last_line_of_a_traceback_without_the_kind_of_an_error_of_ours(text, told):
    """Another's kind is part of what it says."""
    assert last_line(text) == told
