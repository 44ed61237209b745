"""The API over the index of a small training: every route, and what it refuses."""

import asyncio
import hashlib
import io
import re

import numpy as np
import pytest
from PIL import Image

from seje_ray.serving.app import create_app
from seje_ray.serving.finder import Finder
from tests.unit.pipeline.locally import rows_of
from tests.unit.serving.conftest import asked, client_of, run


@pytest.fixture(scope="module")
def known(cookbook):
    """A recipe of the workspace that has a photo."""
    return next(row for row in rows_of(cookbook.open_recipes()) if row["images"])


def test_a_photo_finds_what_the_search_in_python_finds(ask, search, known):
    """In a form, and as the body itself; with why."""
    jpeg = known["images"][0]["jpeg"]
    expected = [hit.id for hit in search.photo(jpeg, 4)]

    by_form = ask("POST", "/v1/search/photo", files={"photo": jpeg}, data={"count": "4"})
    headers = {"content-type": "image/jpeg"}
    by_body = ask("POST", "/v1/search/photo?count=4", content=jpeg, headers=headers)

    assert by_form.status_code == by_body.status_code == 200
    found = by_form.json()
    assert [one["id"] for one in found["results"]] == expected
    assert [one["rank"] for one in found["results"]] == [1, 2, 3, 4]
    assert [one["id"] for one in by_body.json()["results"]] == expected
    assert (found["find"], found["query"]["kind"], found["is_made_up"]) == (
        "recipes",
        "photo",
        True,
    )
    assert found["results"][0]["why"].keys() == {"key_terms", "category", "sees"}


def test_several_photos_are_their_mean(ask, search, cookbook):
    """And a fifth and sixth are too many."""
    jpegs = [r["images"][0]["jpeg"] for r in rows_of(cookbook.open_recipes()) if r["images"]][:6]
    two = [("photo", jpeg) for jpeg in jpegs[:2]]
    found = ask("POST", "/v1/search/photo", files=two).json()
    expected = search.photo(jpegs[:2], 12)
    assert [one["id"] for one in found["results"]] == [hit.id for hit in expected]
    six = [("photo", jpeg) for jpeg in jpegs]
    assert ask("POST", "/v1/search/photo", files=six).status_code == 422


def test_words_find_recipes_and_filters_restrict_them(ask):
    """All ingredients that are asked for, none that are not."""
    plain = ask("POST", "/v1/search/text", json={"text": "tomato", "count": 50}).json()["results"]
    word = plain[0]["key_terms"][0]
    body = {"text": "tomato", "count": 50, "partitions": ["test"], "without": [word]}
    found = ask("POST", "/v1/search/text", json=body).json()["results"]
    assert found
    assert {one["partition"] for one in found} == {"test"}
    pattern = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    assert not [one for one in found if pattern.search("\n".join(one["ingredients"]))]


def test_a_recipe_finds_photos_by_its_id_and_by_its_texts(ask, known):
    """The same ones; and its own photo is told apart."""
    own = {key: known[key] for key in ("title", "ingredients", "instructions")}
    by_id = ask("POST", "/v1/search/recipe", json={"id": known["id"], "count": 4}).json()
    by_text = ask("POST", "/v1/search/recipe", json={"recipe": own, "count": 4}).json()
    assert by_id["find"] == "photos"
    assert [one["id"] for one in by_id["results"]] == [one["id"] for one in by_text["results"]]
    matches = {one["recipe"] for one in by_id["results"] if one["is_match"]}
    assert matches <= {known["id"]}


def test_more_like_this_leaves_itself_out(ask, known):
    """Recipes like a recipe; and recipes for a photo of the index."""
    found = ask("POST", "/v1/search/like", json={"kind": "recipe", "id": known["id"]}).json()
    assert found["find"] == "recipes"
    assert known["id"] not in [one["id"] for one in found["results"]]
    photo = {"kind": "photo", "id": known["images"][0]["id"], "find": "recipes"}
    assert {
        one["kind"] for one in ask("POST", "/v1/search/like", json=photo).json()["results"]
    } == {"recipe"}


def test_arithmetic_moves_a_query_and_names_unknown_terms(ask, search):
    """By categories; a word that is nothing is an error that says so."""
    category = search.index.categories[0]
    body = {"text": "tomato", "plus": [category], "minus": ["soup"]}
    assert ask("POST", "/v1/search/text", json={**body, "minus": []}).status_code == 200
    answer = ask("POST", "/v1/search/text", json={"text": "tomato", "plus": ["xyzzy"]})
    assert (answer.status_code, answer.json()["type"]) == (422, "unknown_term")
    answer = ask("POST", "/v1/search/text", json={"text": "tomato", "categories": ["xyzzy"]})
    assert (answer.status_code, answer.json()["type"]) == (422, "unknown_filter")


def test_a_heat_map_is_what_each_part_of_the_photo_adds(ask, search, known):
    """A grid of similarities that are lost, only where it is asked for."""
    jpeg = known["images"][0]["jpeg"]
    fields = {"count": "2", "heat_map": "true"}
    found = ask("POST", "/v1/search/photo", files={"photo": jpeg}, data=fields).json()["results"]
    assert np.array(found[0]["heat"]).shape == (7, 7)
    plain = ask("POST", "/v1/search/photo", files={"photo": jpeg}).json()["results"]
    assert plain[0]["heat"] is None


def test_recipes_photos_and_thumbnails_are_read_by_their_ids(ask, known):
    """As links of a recipe say; a browser that has a picture is not sent it again."""
    recipe = ask("GET", f"/v1/recipes/{known['id']}").json()
    assert recipe["ingredients"] == list(known["ingredients"])
    assert recipe["instructions"] == list(known["instructions"])
    photo = ask("GET", recipe["photos"][0]["url"]).json()
    assert photo["recipe"] == known["id"]
    for url in (recipe["thumbnail"], photo["thumbnail"]):
        picture = ask("GET", url)
        assert picture.headers["content-type"] == "image/jpeg"
        assert max(Image.open(io.BytesIO(picture.content)).size) <= 192
        again = ask("GET", url, headers={"if-none-match": picture.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for url in ("/v1/recipes/none", "/v1/photos/..%2F..%2Fetc", "/v1/thumbnails/recipes/none"):
        answer = ask("GET", url)
        assert (answer.status_code, answer.json()["type"]) == (404, "not_found")


def test_vectors_are_those_of_the_index(ask, search, known):
    """Of photos, and of recipes; texts come first."""
    jpeg = known["images"][0]["jpeg"]
    found = ask("POST", "/v1/embed", files={"photo": jpeg}).json()
    expected = search.index.vector("photos", known["images"][0]["id"])
    np.testing.assert_allclose(found["embeddings"], [expected], atol=0.03)  # one more JPEG
    own = {key: known[key] for key in ("title", "ingredients", "instructions")}
    found = ask("POST", "/v1/embed", json={"texts": ["tomato"], "recipes": [own]}).json()
    expected = search.index.vector("recipes", known["id"])
    assert (found["kind"], len(found["embeddings"])) == ("recipes", 2)
    np.testing.assert_allclose(found["embeddings"][1], expected, atol=1e-4)


def test_the_collection_says_what_it_is(ask, cookbook, search):
    """Counts, whether it is made up, and examples that can be opened."""
    facts = ask("GET", "/v1/collection").json()
    assert facts["is_made_up"]
    assert facts["num_recipes"] == len(search.index.recipes)
    assert facts["num_photos"] == len(search.index.photos)
    assert facts["examples"]
    for example in facts["examples"]:
        assert ask("GET", f"/v1/recipes/{example['id']}").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("text", {}, "text"),
        ("text", {"text": " "}, "text"),
        ("text", {"text": "tomato", "count": 0}, "count"),
        ("text", {"text": "tomato", "cuont": 1}, "cuont"),
        ("text", {"text": "tomato", "with": ["x"] * 21}, "with"),
        ("text", {"text": "x" * 2001}, "text"),
        ("recipe", {}, "either"),
        ("recipe", {"recipe": {"title": " "}}, "title"),
        ("like", {"kind": "cook", "id": "1"}, "kind"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_sent_is_not_repeated(ask, path, body, named):
    """One error of one shape."""
    answer = ask("POST", f"/v1/search/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json().keys() == {"type", "message", "hint"}
    assert named in answer.json()["message"]
    assert len(answer.content) < 1_000


def test_what_is_no_json_is_told(ask):
    """Cut off, nested without end, or half a character."""
    half = b'{"text": "\\ud800"}'
    for content in (half, b"{", b"[" * 100_000, b"\xff\xfe", b'{"text": "' + b"\\" * 1_001):
        headers = {"content-type": "application/json"}
        for path in ("search/text", "embed"):
            answer = ask("POST", f"/v1/{path}", content=content, headers=headers)
            assert answer.status_code in (400, 422), (path, content[:5])


def test_the_page_and_the_documents_need_nothing_from_elsewhere(ask):
    """No other host in them; what is no file of the page is not there."""
    page = ask("GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1" in page.text
    for text in (page.text, ask("GET", "/docs").text):
        assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
    assert "/v1/search/photo" in ask("GET", "/docs").text
    for url in ("/page/none.js", "/page/..%2F__init__.py", "/page/%2Fetc%2Fpasswd", "/none"):
        assert ask("GET", url).status_code == 404
    assert ask("PUT", "/v1/search/text").status_code == 405


def test_health_readiness_and_measures(ask):
    """Counted by route, never by a path that a client made up."""
    assert ask("GET", "/healthz").json()["status"] == "ok"
    assert ask("GET", "/readyz").json() == {"status": "ready", "run": "one"}
    ask("GET", "/v1/recipes/made-up-by-a-client")
    told = ask("GET", "/metrics").text
    assert 'seje_ray_requests_total{route="/v1/recipes/{id:path}",status="404"}' in told
    assert "made-up-by-a-client" not in told
    assert "seje_ray_batch_size_bucket" in told


class WaitingModel:
    """Answers that it is ready once it may."""

    def __init__(self):
        self.num_asked, self.may_answer = 0, asyncio.Event()

    async def is_ready(self):
        self.num_asked += 1
        await self.may_answer.wait()
        return True


def test_many_that_ask_at_once_whether_it_is_ready_are_one_question(search, monkeypatch):
    """They would take the model's places from those who search."""
    monkeypatch.setattr("seje_ray.serving.service.READY_S", 600.0)
    model = WaitingModel()
    app = create_app(Finder(search), model)

    async def many():
        async with client_of(app) as client:
            asking = [asyncio.create_task(client.get("/readyz")) for _ in range(9)]
            for _ in range(1_000):  # turns of the loop, in which all get so far
                await asyncio.sleep(0)
            model.may_answer.set()
            return [(await one).status_code for one in asking]

    assert run(many()) == [200] * 9
    assert model.num_asked == 1


def test_with_a_token_nothing_is_told_without_it(serve):
    """But the page, and whether the server lives."""
    app = serve(token_hash=hashlib.sha256(b"secret").hexdigest())
    assert asked(app, "GET", "/v1/collection").status_code == 401
    assert asked(app, "GET", "/metrics").status_code == 401
    wrong = {"authorization": "Bearer public"}
    assert asked(app, "GET", "/v1/collection", headers=wrong).status_code == 401
    right = {"authorization": "Bearer secret"}
    assert asked(app, "GET", "/v1/collection", headers=right).status_code == 200
    for path in ("/", "/healthz", "/readyz"):
        assert asked(app, "GET", path).status_code == 200


def test_every_answer_has_a_strict_policy_and_opens_itself_to_no_other_site(ask):
    """Errors, too; and a preflight of another site gets nothing."""
    origin = {"origin": "https://elsewhere.example"}
    for url in ("/", "/v1/collection", "/v1/none", "/docs"):
        answer = ask("GET", url, headers=origin)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = {**origin, "access-control-request-method": "POST"}
    answer = ask("OPTIONS", "/v1/search/text", headers=preflight)
    assert not [name for name in answer.headers if name.startswith("access-control")]
