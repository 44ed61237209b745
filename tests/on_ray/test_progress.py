"""What workers say reaches the driver's terminal."""

import pytest
import ray

from seje_ray.on_ray.connect import connected
from seje_ray.on_ray.progress import drawn, new_board, reporter

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("shared_ray")]


@ray.remote(num_cpus=0)
def work(board):
    reporter(board, "working")(3, 4, "nearly there")
    ray.get(board.warn.remote("it smells"))


def test_bars_and_warnings_are_lines_on_stderr(capfd):
    """Each warning once, beside the bar."""
    with connected():
        board = new_board()
        with drawn(board, "steps"):
            ray.get(work.remote(board))

    shown = capfd.readouterr().err
    assert shown.count("warning: it smells\n") == 1
    assert "3/4 steps" in shown
    assert "nearly there" in shown
