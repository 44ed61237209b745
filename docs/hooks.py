"""What the site needs beyond mkdocs: pages that lie elsewhere, pages of the API, rules as links."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "seje_ray"
BORROWED = {  # pages of the site that lie outside of docs/
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "cluster-files.md": "cluster/README.md",
}
RULE = re.compile(r"docs/method\.md, (rules? )([\d., and to]*\d)")
LINK = re.compile(r"(\]\()([^)\s:#]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the borrowed pages, and a page per package of the API."""
    for name, source in BORROWED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=_moved_links(text, Path(source).parent)))
    files.append(File.generated(config, "api/index.md", content=_api_index()))
    for package in _packages():
        files.append(File.generated(config, f"api/{package}.md", content=_api_page(package)))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the API into the navigation."""
    pages: list[Any] = ["api/index.md", *({p: f"api/{p}.md"} for p in _packages())]
    assert config.nav is not None
    config.nav = [{"API": pages} if item == {"API": "api/"} else item for item in config.nav]
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that leave docs/ into links within the site."""
    if page.file.src_uri in BORROWED or page.file.src_uri.startswith("api/"):
        return markdown
    return _moved_links(markdown, Path("docs"))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link each ``docs/method.md, rule N.M`` of a docstring to the rule."""
    if not page.file.src_uri.startswith("api/"):
        return html

    def linked(found: re.Match[str]) -> str:
        numbers = re.sub(
            r"(\d+)\.(\d+)", r'<a href="../method.html#rule-\1-\2">\1.\2</a>', found[2]
        )
        return f"docs/method.md, {found[1]}{numbers}"

    return RULE.sub(linked, html)


def _moved_links(text: str, folder: Path) -> str:
    """Links relative to ``folder`` of the repository, as links of the site."""
    inside = {source: name for name, source in BORROWED.items()}

    def moved(found: re.Match[str]) -> str:
        path = (ROOT / folder / found[2]).resolve()
        target = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else found[2]
        if path.is_dir() and (path / "README.md").is_file():
            target = f"{target}/README.md"
        target = inside.get(target, target.removeprefix("docs/"))
        return f"{found[1]}{target}{found[3] or ''}{found[4]}"

    return LINK.sub(moved, text)


def _packages() -> list[str]:
    """Packages that have modules, by name; modules of the top level are one page."""
    folders = (
        p.parent.name for p in PACKAGE.glob("*/__init__.py") if len(list(p.parent.glob("*.py"))) > 1
    )
    return ["seje_ray", *sorted(folders)]


def _summary(path: Path) -> str:
    """First line of a module's docstring."""
    found = re.match(r'"""(.+?)(?:"""|\n)', path.read_text(encoding="utf-8"))
    assert found is not None, path
    return found[1].strip()


def _api_index() -> str:
    lines = ["# API reference", "", "Made from the docstrings of the code.", ""]
    lines += ["| package | content |", "|---|---|"]
    for package in _packages():
        folder = PACKAGE if package == PACKAGE.name else PACKAGE / package
        lines.append(f"| [`{package}`]({package}.md) | {_summary(folder / '__init__.py')} |")
    return "\n".join([*lines, ""])


def _api_page(package: str) -> str:
    if package == "seje_ray":
        modules = sorted(p.stem for p in PACKAGE.glob("[a-z]*.py"))
        return "\n".join(["# seje_ray", "", *(f"::: seje_ray.{m}\n" for m in modules)])
    return f"::: seje_ray.{package}\n    options: {{heading_level: 1}}\n"
