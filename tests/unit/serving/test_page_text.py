"""The files of the page keep what its content-security-policy and its readers rely on."""

import re
from pathlib import Path

import pytest

import seje_ray

PAGE = Path(seje_ray.__file__).parent / "serving" / "page"
FILES = sorted(PAGE.iterdir())
SCRIPTS = [file for file in FILES if file.suffix == ".js"]
HTML = (PAGE / "index.html").read_text(encoding="utf-8")
FIELD = r"<(?:textarea|input(?![^>]*type=\"(?:radio|checkbox)\"))[^>]*\sid=\"([^\"]+)\""
NOT_A_HOST = "http://www.w3.org/2000/svg"  # a name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_texts_never_become_markup(script: Path) -> None:
    """No way leads from a string to elements or code."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc"
    )
    assert re.findall(forbidden, script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_other_host_is_named(file: Path) -> None:
    """The page works where nothing but its server is reached."""
    text = file.read_text(encoding="utf-8").replace(NOT_A_HOST, "")
    assert re.findall(r"https?:|//[a-z0-9-]+\.[a-z]|@import", text) == []


def test_nothing_stands_inline() -> None:
    """Scripts and styles are files: a strict policy runs nothing else."""
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", HTML) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", HTML) == []


def test_all_files_that_are_named_are_there() -> None:
    """Every /page/NAME and every import is a file, and every file is used."""
    named = set(re.findall(r'"/page/([^"]+)"', HTML))
    for script in SCRIPTS:
        named |= set(re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8")))
    assert named | {"index.html"} == {file.name for file in FILES}


def test_every_field_has_a_label() -> None:
    """By ``for``, or around it."""
    fields = re.findall(FIELD, HTML)
    own = ["own-title", "own-ingredients", "own-instructions"]
    assert fields == ["choose", "shoot", "dish", *own, "ingredient", "term", "token"]
    assert set(fields) <= set(re.findall(r"<label[^>]*\sfor=\"([^\"]+)\"", HTML))


def test_the_page_is_small() -> None:
    """It is there at once: all files together stay below what a phone loads in a moment."""
    assert sum(file.stat().st_size for file in FILES) < 100_000
