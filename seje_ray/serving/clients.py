"""How much each client may ask for: buckets of requests that fill again with time."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from seje_ray.serving.failures import ApiError

SITE_BITS = 64  # of an IPv6 address: what one subscriber has


class Clients:
    """Remembers what clients have asked for, by the address that their connection comes from."""

    def __init__(
        self, rate: float, burst: float, remembered: int, clock: Callable[[], float]
    ) -> None:
        """Remember nobody yet.

        Args:
            rate: Requests per second of a client in the long run; 0 for any number.
            burst: At once of a client that was quiet.
            remembered: Clients; who came first of more is forgotten.
            clock: Seconds.
        """
        self._rate, self._burst, self._remembered = rate, burst, remembered
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, and when

    def take(self, address: str, cost: float = 1.0) -> None:
        """Take ``cost`` requests from what a client may still ask for.

        Raises:
            ApiError: 429 if that is less; says when it will be enough.
        """
        if self._rate <= 0:
            return
        client, now = site_of(address), self._clock()
        left, since = self._known.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        has_enough = left >= cost
        self._known[client] = (left - cost if has_enough else left, now)
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        if not has_enough:
            raise ApiError(
                429,
                "too_many_requests",
                f"more than {self._rate:g} searches a second from one address",
                "ask again a little later",
                (cost - left) / self._rate,
            )


def site_of(address: str) -> str:
    """What one client cannot choose freely of its address: the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), SITE_BITS), strict=False))
