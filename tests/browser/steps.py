"""What tests of the page do in a browser, again and again."""

from collections.abc import Callable
from typing import Any

Open = Callable[..., Any]
FOUND = ".card .number"  # a result, not an example
MAX_TABS = 60


def titles(page: Any) -> list[str]:
    """Titles of the cards, in order."""
    return [str(title) for title in page.locator(".card .open").all_text_contents()]


def searched(page: Any, act: Callable[[], object]) -> None:
    """Do what searches anew, and wait for what it finds."""
    with page.expect_response(lambda response: "/v1/search/" in response.url):
        act()
    page.wait_for_selector(f"#cards:not([aria-busy]) {FOUND}")


def wait_until(page: Any, condition: str) -> None:
    """Wait until an expression is true; the page's policy forbids to do so within the page."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {condition}")


def tab_to(page: Any, selector: str, key: str = "Tab") -> None:
    """Press a key until an element has the keyboard."""
    for _ in range(MAX_TABS):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {selector}")
