"""The interface that gloo is told: that of an address which other hosts reach."""

import os
import socket

import psutil
import pytest

from seje_ray.on_ray.interfaces import GLOO_INTERFACE, interface_of, name_interface

ADDRESSES = [
    (name, entry.address)
    for name, entries in psutil.net_if_addrs().items()
    for entry in entries
    if entry.family == socket.AF_INET
]


@pytest.mark.parametrize(("name", "address"), ADDRESSES)
def test_an_address_of_this_machine_has_its_interface_but_for_loopback(name, address):
    """Every address that the machine has; tests/on_ray/hosts has several machines."""
    assert interface_of(address) == (None if address.startswith("127.") else name)


def test_an_address_of_nobody_here_has_none():
    """One that is kept for documentation."""
    assert interface_of("203.0.113.9") is None


def test_what_a_user_says_stands(monkeypatch):
    """Gloo's own variable."""
    monkeypatch.setenv(GLOO_INTERFACE, "mine0")
    name_interface()
    assert os.environ[GLOO_INTERFACE] == "mine0"
