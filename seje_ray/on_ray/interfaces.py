"""The network interface that the processes of a group meet on.

gloo asks which address the host's name stands for. In the /etc/hosts of Debian, of Ubuntu, and of
many images that is a loopback address, where no other host answers.
"""

import os
import socket
from dataclasses import dataclass

import psutil
import ray
from ray.train.torch import TorchConfig

GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"  # gloo's own variable; a user's value stands


@dataclass
class NamedInterfaces(TorchConfig):  # type: ignore[misc]
    """Ray's setup of torch's process group, with gloo on the interface that Ray itself uses."""

    @property
    def backend_cls(self) -> type:
        """Ray's own, which first tells each process its interface."""
        backend: type = super().backend_cls

        class Backend(backend):  # type: ignore[misc]
            def on_start(self, worker_group, backend_config):  # type: ignore[no-untyped-def]
                worker_group.execute(name_interface)
                super().on_start(worker_group, backend_config)

        return Backend


def name_interface() -> None:
    """Tell gloo the interface of this node's address, if it is one that others reach."""
    name = interface_of(ray.util.get_node_ip_address())
    if name is not None:
        os.environ.setdefault(GLOO_INTERFACE, name)


def interface_of(address: str) -> str | None:
    """Name of the interface with an address; None for loopback, and where there is none."""
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            is_it = entry.family in (socket.AF_INET, socket.AF_INET6) and entry.address == address
            if is_it and not address.startswith("127.") and address != "::1":
                return str(name)
    return None
