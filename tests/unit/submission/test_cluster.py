"""What an --address asks for."""

import pytest

from seje_ray.errors import ResourceError
from seje_ray.submission.cluster import mode_of


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        (None, "embedded"),
        ("", "embedded"),
        ("local", "embedded"),
        ("auto", "driven"),
        ("head:6379", "driven"),
        ("10.0.0.7:6379", "driven"),
        ("[::1]:6379", "driven"),
        ("http://head:8265", "submitted"),
        ("https://ray.example.org/cluster", "submitted"),
        ("ray://head:10001", "submitted"),
    ],
)
def test_an_address_says_how_a_command_runs(address, mode):
    """Nothing is started to find out."""
    assert mode_of(address) == mode


@pytest.mark.parametrize("address", ["head", "http://", "ftp://head:1", "head:", "a b:1", ":6379"])
def test_what_is_no_address_is_refused_with_examples(address):
    """A host alone could mean two things."""
    with pytest.raises(ResourceError, match=r"--address .*expected http://HOST:8265"):
        mode_of(address)
