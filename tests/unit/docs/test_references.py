"""What code and documents refer to is there: rules, anchors, files, commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("cluster/*.md")],
    key=str,
)
SOURCES = sorted(
    path
    for folder in ("seje_ray", "tests", "benchmarks", "jobs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".html"} and path.is_file()
)
RULES = re.compile(r"docs/method\.md, rules? ((?:\d+\.\d+(?:,? and |, | to )?)+)")
FILE = re.compile(r"(?<![\w./-])([\w./-]+\.py)\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def spelled(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """Anchors of a Markdown page: explicit ones, and those GitHub makes of its headings."""
    text = path.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings)
    return {*re.findall(r'<a id="([^"]+)">', text), *slugs}


def rules_named_in(text):
    """Rule numbers of every ``docs/method.md, rule N.M`` in ``text``."""
    flat = re.sub(r"\s+(?:# )?", " ", text)
    return [rule for found in RULES.findall(flat) for rule in re.findall(r"\d+\.\d+", found)]


def test_every_rule_that_code_names_has_an_anchor():
    """``Source:`` lines lead into this repository, and to a rule that is there."""
    known = anchors(ROOT / "docs/method.md")
    named = {(spelled(p), rule) for p in SOURCES for rule in rules_named_in(p.read_text())}

    assert len(named) >= 50
    lost = sorted((path, r) for path, r in named if f"rule-{r.replace('.', '-')}" not in known)
    assert lost == []


def test_no_source_line_names_a_text_outside_of_the_repository():
    """The rules used to lie elsewhere."""
    outside = re.compile(r"\bMETHOD \d|\bMETHOD's")
    assert [spelled(p) for p in SOURCES if outside.search(p.read_text())] == []


def test_every_rule_of_phases_one_and_two_has_code_and_a_test():
    """The table has a row for each numbered rule, and no other."""
    text = (ROOT / "docs/method.md").read_text()
    numbered = set(re.findall(r'<a id="(rule-[\d-]+)">', text))
    rows = re.findall(r"^\| \[[\d.]+\]\(#(rule-[\d-]+)\) \| (.+) \| (.+) \|$", text, re.MULTILINE)

    assert {anchor for anchor, _, _ in rows} == numbered
    for _, code, tests in rows:
        for folder, names in (("seje_ray", code), ("tests", tests)):
            for name in re.findall(r"`([^`]+)`", names):
                assert (ROOT / folder / name).exists(), f"docs/method.md: {folder}/{name}"


@pytest.mark.parametrize("page", [p for p in DOCUMENTS if p.name != "CHANGELOG.md"], ids=spelled)
def test_every_source_file_that_a_page_names_is_there(page):
    """By its path from the root, the package, the tests or the page; NEW stands for a new one."""
    places = (ROOT, ROOT / "seje_ray", ROOT / "tests", page.parent)
    named = {name for name in FILE.findall(page.read_text()) if not re.search("[A-Z]{3}", name)}

    assert [n for n in sorted(named) if not any((p / n).is_file() for p in places)] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=spelled)
def test_every_link_inside_the_repository_leads_somewhere(page):
    """Files by relative path, places in them by anchor."""
    lost = []
    for link in LINK.findall(page.read_text()):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(link)
    assert lost == []
