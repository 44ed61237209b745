"""A URI as a person types it, the folder that mirrors it, and the way back from any path there."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.errors import WorkspaceError
from seje_ray.store.location import (
    CACHE,
    as_uri,
    mirror_folder,
    mirrored_path,
    place_of,
    shown,
    uri_of,
)
from seje_ray.store.objects import ENDPOINTS, REGIONS, environment
from seje_ray.workspace import Workspace

NAMES = st.text("abcXYZ019-_.", min_size=1, max_size=12).filter(lambda s: s.strip(".") != "")


@pytest.mark.parametrize(
    ("typed", "uri"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket//a//b/", "s3://bucket/a/b"),
        ("s3:/bucket/a", "s3://bucket/a"),  # as pathlib leaves it
        ("gs://bucket/a", "gs://bucket/a"),
        ("abfs://box@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a"),
        ("s3://bucket/a?region=eu-west-1", "s3://bucket/a?region=eu-west-1"),
        ("workspace", None),
        ("/data/s3/a", None),
        ("c:/data", None),
    ],
)
def test_what_a_person_types_is_a_uri_or_a_folder(typed, uri):
    """Known schemes are stores, and are spelled in one way; anything else is a path."""
    assert as_uri(typed) == uri


@pytest.mark.parametrize("typed", ["s3://", "s3:", "gs:/"])  # and as pathlib leaves them
def test_a_store_without_a_bucket_is_no_folder_of_that_name(typed):
    """Where a folder ``s3:`` would have been made."""
    with pytest.raises(WorkspaceError, match=r"expected a bucket, as in (s3|gs)://BUCKET/PATH"):
        as_uri(typed)


@given(st.sampled_from(["s3", "gs", "abfs"]), NAMES, st.lists(NAMES, max_size=3), NAMES)
def test_a_path_alone_says_what_it_stands_for(scheme, bucket, folders, name):
    """The mirror's folder leads back to its URI, and a path below it to its key."""
    uri = as_uri("/".join([f"{scheme}://{bucket}", *folders]))
    folder = mirror_folder(uri)
    root, below = place_of(folder), place_of(folder / "recipes" / name)
    assert (root.uri, root.key) == (uri, "")
    assert (below.uri, below.key) == (uri, f"recipes/{name}")


def test_a_path_of_this_machine_stands_for_nothing_else(tmp_path):
    """Plain folders are left alone, whatever they are called."""
    assert place_of(tmp_path) is None
    assert place_of(tmp_path / "s3%3A%2F%2Fbucket" / "recipes") is None


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("s3://AKIAXYZ:hush@bucket/a", "no credentials"),
        ("s3://bucket/a?secret_key=hush", "found secret_key"),
        ("s3://bucket/a?anonymous=yes", "true or false for option anonymous, found 'yes'"),
        ("gs://bucket/a?region=x", "endpoint_override, scheme in a URI of gs, found region"),
        ("abfs://box@account.dfs.core.windows.net/a?anonymous=true", "of abfs, found anonymous"),
        ("s3://bucket/a?scheme=ftp", "http or https for option scheme, found 'ftp'"),
        ("s3://bucket/a?anonymous", "true or false for option anonymous, found ''"),
        ("s3://bucket/a?endpoint_override", "a value for option endpoint_override, found ''"),
        ("s3://bucket/a?region=x&region=y", "each option once, found region twice"),
        ("s3://bucket/a?one=1&region=x&two=2", "found one, two"),
        ("s3://bucket/a/../b", "no . or .."),
        ("s3://bucket/" + "long/" * 60, "too long"),
    ],
)
def test_secrets_and_detours_are_refused_without_repeating_them(typed, words):
    """One line that names the place, and never what was secret."""
    with pytest.raises(WorkspaceError, match=words) as refused:
        as_uri(typed)
    assert "hush" not in str(refused.value)
    assert "AKIAXYZ" not in str(refused.value)


@pytest.mark.parametrize("typed", ["ftp://host/a", "hdfs://host/a", "http://host/a"])
def test_other_schemes_are_refused_and_make_no_folder(typed, tmp_path, monkeypatch):
    """Neither ``ftp:`` nor any other folder appears."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError, match="begins with s3://"):
        Workspace.at(Path(typed))
    assert list(tmp_path.iterdir()) == []


def test_the_cache_lies_where_its_variable_says(tmp_path, monkeypatch):
    """``SEJE_RAY_CACHE``, else the user's own cache."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    assert mirror_folder("s3://b/a").is_relative_to(tmp_path)
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert mirror_folder("s3://b/a").is_relative_to(tmp_path / "own" / "seje_ray")


def test_people_read_uris_where_mirrors_are_meant(tmp_path, monkeypatch):
    """A message about a path of a mirror shows the URI, and no option of it."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    folder = mirror_folder(as_uri("s3://bucket/a?region=eu"))
    said = f"{folder / 'runs' / 'one'}: broken, see {folder}; and {tmp_path}/other"
    assert shown(said) == (
        f"s3://bucket/a/runs/one: broken, see s3://bucket/a; and {tmp_path}/other"
    )


def test_a_workspace_in_a_store_travels_as_its_uri(tmp_path, monkeypatch):
    """Its text opens it again elsewhere; pickled, it is the same."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    workspace = Workspace.at("s3://bucket/a?region=eu")
    assert str(workspace) == "s3://bucket/a?region=eu"
    again = Workspace.at(str(workspace))
    assert again == workspace == pickle.loads(pickle.dumps(workspace))  # noqa: S301
    assert workspace.is_stored
    assert not Workspace.at(tmp_path).is_stored


@pytest.mark.parametrize(
    "uri", ["s3://bucket", "s3://bucket/a", "s3://bucket/a/b.csv", "s3://bucket/a/b?region=x"]
)
def test_a_data_set_has_a_path_and_what_lies_beside_it_too(uri):
    """And the way back, by which a job on another machine finds its own mirror."""
    path = mirrored_path(uri)
    assert uri_of(path) == uri
    assert uri_of(path.parent / "photo.jpg") != uri
    assert uri_of(Path("/data/recipes")) is None


def test_a_cluster_is_told_which_store_and_no_secret(monkeypatch):
    """Endpoint and region travel to other nodes; credentials are those of each node."""
    for name in (*ENDPOINTS, *REGIONS):
        monkeypatch.delenv(name, raising=False)
    assert environment() == {}
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    assert environment() == {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://10.0.0.1:9000"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:hush@10.0.0.1:9000")
    assert environment() == {"AWS_REGION": "eu-west-1"}
