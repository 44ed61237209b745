"""Plugin of pytest: ``-p tests.seconds_per_file --seconds-per-file FILE`` writes a table.

It needs nothing else of this tree, so that it can measure another one:
``PYTHONPATH=OTHER:FOLDER pytest -p seconds_per_file ...`` with this file alone in ``FOLDER``.
"""

from collections import Counter
from pathlib import Path

import pytest

SECONDS: Counter[str] = Counter()
NUM_TESTS: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.addoption("--seconds-per-file", type=Path, metavar="FILE")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add what the test took with its fixtures; one that files share counts where it is set up."""
    file = report.nodeid.partition("::")[0]
    SECONDS[file] += report.duration
    NUM_TESTS[file] += report.when == "call"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write seconds, number of tests and file, the slowest first."""
    path = session.config.getoption("seconds_per_file")
    if path is not None:
        rows = [*SECONDS.most_common(), ("total", SECONDS.total())]
        counts = NUM_TESTS | Counter(total=NUM_TESTS.total())
        path.write_text("".join(f"{s:8.1f} {counts[file]:5d} {file}\n" for file, s in rows))
