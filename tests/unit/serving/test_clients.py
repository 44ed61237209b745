"""Buckets of requests by client: by hand, with a clock of the test's own."""

import pytest

from seje_ray.serving.clients import Clients, site_of
from seje_ray.serving.failures import ApiError


class Clock:
    """Time that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_client_has_its_burst_and_then_its_rate():
    """2 a second, 3 at once: after the third the next is due in half a second."""
    clock = Clock()
    clients = Clients(2.0, 3.0, 10, clock)
    for _ in range(3):
        clients.take("10.0.0.1")
    with pytest.raises(ApiError) as refused:
        clients.take("10.0.0.1")
    assert (refused.value.status, refused.value.retry_after_s) == (429, 0.5)
    assert (b"retry-after", b"1") in refused.value.headers()
    clients.take("10.0.0.2")  # another one has its own
    clock.now += 0.5
    clients.take("10.0.0.1")
    with pytest.raises(ApiError):
        clients.take("10.0.0.1")
    clock.now += 3_600
    for _ in range(3):  # never more than the burst
        clients.take("10.0.0.1")
    with pytest.raises(ApiError):
        clients.take("10.0.0.1")


def test_a_rate_of_none_is_any_number():
    """As behind a proxy, which is one client."""
    clients = Clients(0.0, 1.0, 10, Clock())
    for _ in range(100):
        clients.take("10.0.0.1")


def test_no_more_clients_are_remembered_than_there_is_room_for():
    """Who came first is forgotten."""
    clients = Clients(1.0, 1.0, 2, Clock())
    for number in range(50):
        clients.take(f"10.0.0.{number}")
    clients.take("10.0.0.0")
    assert len(clients._known) == 2


def test_addresses_of_one_network_are_one_client():
    """Of IPv6 the first half; a mapped address is the IPv4 one."""
    assert site_of("2001:db8::1") == site_of("2001:db8::ffff")
    assert site_of("2001:db8::1") != site_of("2001:db8:0:1::1")
    assert site_of("::ffff:10.0.0.1") == site_of("10.0.0.1")
    assert site_of("a socket") == "a socket"
