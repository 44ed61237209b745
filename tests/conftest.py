"""What all tests share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("machine", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("machine")

SHARED_DATA = Path(os.environ.get("SEJE_RAY_DATA", Path(__file__).parents[2] / "shared" / "data"))

SHARED_CASES = SHARED_DATA.parent / "cases"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recipes and photos beside the project, or in ``SEJE_RAY_DATA``; a user has none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs real data in {SHARED_DATA}, or in the folder SEJE_RAY_DATA")
    return SHARED_DATA


@pytest.fixture
def shared_case(shared_data: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Gives a folder with the inputs of a case: files as people report them in public."""

    def made(name: str) -> Path:
        if not (SHARED_CASES / name / "make.py").is_file():
            pytest.skip(f"needs case {name} in {SHARED_CASES}")
        folder = tmp_path / "cases" / name
        shutil.copytree(SHARED_CASES / name, folder)
        shutil.copy(SHARED_CASES / "lib.py", folder.parent)
        if not (tmp_path / "data").exists():
            (tmp_path / "data").symlink_to(shared_data)
        subprocess.run([sys.executable, "make.py"], cwd=folder, check=True, capture_output=True)
        return folder

    return made


@pytest.fixture
def disk_of(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Gives a disk of its own with so much room, where the system lets one be made."""
    folder = tmp_path / "disk"

    def made(size: str) -> Path:
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.getuid() or shutil.which("mount") is None:
            pytest.skip("only root makes a disk")
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        return folder

    yield made
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)
