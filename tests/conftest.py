"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("machine", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("machine")

SHARED_DATA = Path(os.environ.get("SEJE_RAY_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recipes and photos beside the project, or in ``SEJE_RAY_DATA``; a user has none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs real data in {SHARED_DATA}, or in the folder SEJE_RAY_DATA")
    return SHARED_DATA
