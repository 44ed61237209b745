"""The page of ``seje-ray serve`` in a real browser, over made-up recipes."""

from pathlib import Path

import pytest

from tests.browser.conftest import PHONE
from tests.browser.standin import Standin
from tests.browser.standin_shelf import MARKUP
from tests.browser.steps import FOUND, Open, searched, tab_to, titles, wait_until

pytestmark = pytest.mark.slow


def test_photo_in_recipes_out_refined_opened_and_back(
    server: Standin, opened: Open, photo: Path
) -> None:
    """What a visitor does: each step shows what it says, and "back" undoes it."""
    page = opened(server.url)
    assert page.locator("#made-up").is_visible()
    searched(page, lambda: page.set_input_files("#choose", photo))
    assert page.locator("#found-title").text_content() == "Recipes for your photo"
    best = next(one for one in server.shelf.recipes.values() if one.jpeg == photo.read_bytes())
    assert titles(page)[0] == best.title
    page.fill("#ingredient", best.terms[0])
    searched(page, page.get_by_role("button", name="Without", exact=True).click)
    assert best.title not in titles(page)
    assert server.forms[-1]["without"] == [best.terms[0]]
    searched(page, page.get_by_role("button", name=f"Remove: without {best.terms[0]}").click)
    assert titles(page)[0] == best.title
    page.click(".card .open >> nth=0")
    page.wait_for_selector(".photos img")
    assert page.locator(".photos img").count() == len(best.recipe.image_ids)
    assert page.locator("#recipe-title").text_content() == best.title
    lines = page.locator("#recipe .columns ul li").all_text_contents()
    assert lines == list(best.recipe.ingredients)
    page.go_back()
    page.wait_for_selector("#recipe:not([open])", state="attached")
    assert titles(page)[0] == best.title
    page.click(".card .open >> nth=0")
    searched(page, page.get_by_role("button", name="Find photos for it").click)
    assert page.locator(".card.match").count() == len(best.recipe.image_ids)
    assert page.locator("#found-title").text_content() == f"Photos for {best.title}"


def test_everything_by_keyboard_alone(server: Standin, opened: Open, photo: Path) -> None:
    """Choose a photo, refine, open a recipe, stay inside it, leave it where one was."""
    page = opened(server.url)
    page.on("filechooser", lambda _: None)  # from now on none opens a window
    tab_to(page, "#choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    searched(page, lambda: chooser.value.set_files(photo))
    tab_to(page, "#ingredient")
    page.keyboard.type("salt")
    searched(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#ingredient-chips .chip > span").text_content() == "with salt"
    assert page.evaluate("document.activeElement.id") == "ingredient"
    tab_to(page, "#ingredient-chips button")
    searched(page, lambda: page.keyboard.press("Enter"))
    tab_to(page, ".card .open")
    page.keyboard.press("Enter")
    page.wait_for_selector(".photos img")
    assert page.evaluate("document.activeElement.id") == "recipe-title"
    inside = (
        "document.activeElement === document.body || !!document.activeElement.closest('#recipe')"
    )
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    page.wait_for_selector("#recipe:not([open])", state="attached")
    assert page.evaluate("document.activeElement.matches('.card .open')")
    tab_to(page, "#dish", "Shift+Tab")
    page.keyboard.type("tomato soup")
    searched(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#status").text_content().endswith("found")


def test_a_phone_shows_all_within_its_width(server: Standin, opened: Open, photo: Path) -> None:
    """At 390 pixels nothing is cut off, results come into view, and fingers hit every button."""
    page = opened(server.url, **PHONE)
    assert page.get_by_text("Take a photo").is_visible()
    assert page.get_attribute("#shoot", "capture") == "environment"
    searched(page, lambda: page.set_input_files("#shoot", photo))
    wait_until(page, "document.querySelector('#found-title').getBoundingClientRect().top < 400")
    page.click("#refine > summary")
    page.fill("#ingredient", "salt")
    searched(page, page.get_by_role("button", name="With", exact=True).tap)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.tap(".card .open >> nth=0")
    page.wait_for_selector(".photos img")
    assert page.evaluate("document.querySelector('#recipe').scrollWidth") == 390
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, summary, label.button')]
        .map(one => [one.textContent, one.getBoundingClientRect()])
        .filter(([, box]) => box.width > 1 && Math.min(box.width, box.height) < 24)
        .map(([text]) => text)"""
    )
    assert [text for text in small if text not in titles(page)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server: Standin, opened: Open, photo: Path, scheme: str) -> None:
    """WCAG 2.2 AA as far as a program can tell, of every state of the page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(server.url, color_scheme=scheme, may_fail=True)
    wanted = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

    def serious(where: str) -> list[str]:
        found = axe.run(page, options=wanted).response["violations"]
        return [
            f"{where}: {one['id']}" for one in found if one["impact"] in ("serious", "critical")
        ]

    violations = serious("start")
    page.click("#play > summary")
    page.click("#whole > summary")
    searched(page, lambda: page.set_input_files("#choose", photo))
    searched(page, lambda: page.check("#heat"))
    violations += serious("results")
    page.click(".card .open >> nth=0")
    page.wait_for_selector(".photos img")
    violations += serious("recipe")
    page.keyboard.press("Escape")
    page.fill("#term", "qwertz")
    page.get_by_role("button", name="More", exact=True).click()
    page.wait_for_selector(".trouble strong")
    violations += serious("error")
    assert violations == []


PASTED = """Tomato soup of my own
Serves 4

Ingredients:
- 500 g tomatoes
- 1 onion

Method
1. Chop the onion.
2. Cook all of it.
"""


def test_a_whole_recipe_is_pasted_taken_apart_and_finds_photos(
    server: Standin, opened: Open
) -> None:
    """Title, ingredients and steps as they stand; a link restores them in another browser."""
    page = opened(server.url)
    page.click("#whole > summary")
    page.evaluate("text => navigator.clipboard.writeText(text)", PASTED)
    page.focus("#own-ingredients")
    page.keyboard.press("Control+V")
    searched(page, page.get_by_role("button", name="Search with this recipe").click)
    assert server.recipes == [
        {
            "title": "Tomato soup of my own",
            "ingredients": ["500 g tomatoes", "1 onion"],
            "instructions": ["Chop the onion.", "Cook all of it."],
        }
    ]
    assert page.locator("#found-title").text_content() == "Photos for Tomato soup of my own"
    other = opened(page.url)
    other.wait_for_selector(FOUND)
    assert titles(other) == titles(page)
    assert other.input_value("#own-ingredients") == "500 g tomatoes\n1 onion"
    assert server.recipes[0] == server.recipes[1]


def test_several_photos_are_one_search(
    server: Standin, opened: Open, photos: list[Path], photo: Path
) -> None:
    """All are shown, none has a heat map of its own, a link restores them; a sixth is too many."""
    page = opened(server.url)
    searched(page, lambda: page.set_input_files("#choose", photos[:3]))
    assert page.locator("#asked img").count() == 3
    assert page.locator("#found-title").text_content() == "Recipes for your 3 photos"
    assert not page.locator("#heat-choice").is_visible()
    other = opened(page.url)
    other.wait_for_selector(FOUND)
    assert titles(other) == titles(page)
    searched(page, lambda: page.set_input_files("#choose", photo))
    assert page.locator("#asked img").count() == 1
    assert page.locator("#heat-choice").is_visible()
    page.set_input_files("#choose", photos)
    page.wait_for_selector(".trouble strong")
    assert "5 photos at most" in page.locator(".trouble").text_content()


def test_a_link_restores_a_search_by_a_photo(server: Standin, opened: Open, photo: Path) -> None:
    """Another browser shows the same for it, from a copy of the photo that no server was sent."""
    page = opened(server.url)
    searched(page, lambda: page.set_input_files("#choose", photo))
    page.fill("#ingredient", "salt")
    searched(page, page.get_by_role("button", name="With", exact=True).click)
    page.click("#copy")
    page.wait_for_selector("text=Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = opened(link)
    other.wait_for_selector(FOUND)
    assert titles(other)[0] == titles(page)[0]
    assert other.locator("#ingredient-chips .chip > span").text_content() == "with salt"
    assert max(map(len, server.paths)) < 200


def test_arithmetic_moves_the_search_and_says_what_it_does_not_know(
    server: Standin, opened: Open
) -> None:
    """More of one thing and less of another, as a sum; a term without rows is named."""
    page = opened(f"{server.url}/#text=soup", may_fail=True)
    page.click("#play > summary")
    page.fill("#term", "pizza")
    searched(page, page.get_by_role("button", name="More", exact=True).click)
    page.fill("#term", "tomato")
    searched(page, page.get_by_role("button", name="Less", exact=True).click)
    assert page.locator("#found-title").text_content() == (
        "Recipes for soup + pizza \N{MINUS SIGN} tomato"
    )
    assert page.locator("#equation .chip").count() == 3
    page.fill("#term", "qwertz")
    page.get_by_role("button", name="More", exact=True).click()
    page.wait_for_selector(".trouble strong")
    assert "'qwertz': neither" in page.locator(".trouble").text_content()
    searched(page, page.get_by_role("button", name="Remove: plus qwertz").click)
    assert page.locator(".trouble").text_content() == ""


def test_titles_are_texts_and_no_other_host_is_asked(server: Standin, opened: Open) -> None:
    """Markup in a title is read, not run; all requests go to the server that the page is from."""
    page = opened(server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#dish", "soup script onerror")
    searched(page, lambda: page.keyboard.press("Enter"))
    assert titles(page)[0] == MARKUP
    page.click(".card .open >> nth=0")
    page.wait_for_selector("#recipe .columns li")
    assert page.locator("#recipe-title").text_content() == MARKUP
    assert page.locator("main script, #recipe script, h3 b, h2 b").count() == 0
    assert [url for url in asked if not url.startswith((server.url, "blob:"))] == []
    pictures = page.locator(".card img")
    assert {pictures.nth(n).get_attribute("loading") for n in range(pictures.count())} == {"lazy"}


def test_a_busy_server_is_asked_again_when_it_says(server: Standin, opened: Open) -> None:
    """503 with Retry-After is a pause; the words say so meanwhile."""
    server.num_busy = 1
    page = opened(f"{server.url}/#text=soup", may_fail=True)
    page.wait_for_selector(FOUND)
    assert sum(path == "/v1/search/text" for path in server.paths) == 2
    assert page.locator(".trouble").text_content() == ""


def test_a_file_that_is_no_photo_is_refused_in_words(
    server: Standin, opened: Open, tmp_path: Path
) -> None:
    """The server's words, and the page goes on."""
    text = tmp_path / "letter.jpg"
    text.write_text("Dear cook,")
    page = opened(server.url, may_fail=True)
    page.set_input_files("#choose", text)
    page.wait_for_selector(".trouble strong")
    assert "no photo of a format" in page.locator(".trouble").text_content()
    page.fill("#dish", "soup")
    searched(page, lambda: page.keyboard.press("Enter"))
    assert page.locator(".trouble").text_content() == ""


def test_a_token_is_asked_for_once_and_opens_pictures_too(server: Standin, opened: Open) -> None:
    """Thumbnails need it as all else does."""
    server.token = "secret"
    page = opened(server.url, may_fail=True)
    page.fill("#token", "secret")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card:not(.ghost)")
    wait_until(page, "document.querySelector('.card img').naturalWidth > 0")
    assert page.locator(".trouble").text_content() == ""


def test_a_dropped_and_a_pasted_photo_search(server: Standin, opened: Open, photo: Path) -> None:
    """Wherever on the page they arrive."""
    page = opened(server.url)
    brought = """([bytes, kind]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "dinner.jpg", {type: "image/jpeg"}));
      const options = {bubbles: true, cancelable: true};
      document.body.dispatchEvent(kind === "drop"
        ? new DragEvent("drop", {...options, dataTransfer: data})
        : new ClipboardEvent("paste", {...options, clipboardData: data}));
    }"""
    for kind in ("drop", "paste"):
        page.goto(server.url)
        page.wait_for_selector(".card:not(.ghost)")
        searched(page, lambda kind=kind: page.evaluate(brought, [list(photo.read_bytes()), kind]))
        assert page.locator("#asked img").get_attribute("alt") == "Your photo"
    assert len(server.forms) == 2
