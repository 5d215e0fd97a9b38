"""What a request may cost, and how often one client may ask."""

import ipaddress
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MEGABYTE = 10**6
MANY = 10_000  # clients that are remembered, before those who may ask as much as anyone else are forgotten
WAIT_FOR_SERVER = 2  # seconds after which a client that was turned away may try again


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """What requests may cost."""

    max_upload: float = 30.0  # MB of a request, all of its files together
    max_seconds: float = 120.0  # of a recording
    max_files: int = 20  # of a request
    rate: int = 120  # requests of one client in a minute; 0: any number
    at_once: int = field(default_factory=cores)  # requests whose recordings are heard at the same time
    queue: int = 64  # further requests that wait for that, or are still arriving
    patience: float = 60.0  # seconds in which a request must have arrived

    @property
    def max_bytes(self) -> int:
        """Bytes of a request."""
        return int(self.max_upload * MEGABYTE)


class Rates:
    """Counts the requests of each client: a client may ask `rate` times at once, and as often again in each minute.

    What it may ask is a bucket of `rate` tokens that fills evenly within a minute. Only one thread may use this.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic):
        """Args: rate: requests a minute; 0: any number. clock: seconds."""
        self.rate, self.clock = rate, clock
        self._full_at: dict[str, float] = {}  # when the bucket of a client is full again

    def seconds_to_wait(self, host: str) -> float:
        """Take a token of the client at this address: 0 if there was one, else the seconds until there is one."""
        if not self.rate:
            return 0.0
        now, client, token = self.clock(), client_of(host), 60 / self.rate
        if len(self._full_at) > MANY:
            self._full_at = {one: at for one, at in self._full_at.items() if at > now}
        full_at = max(self._full_at.get(client, now), now) + token
        if (wait := full_at - now - 60) > 1e-9:
            return wait
        self._full_at[client] = full_at
        return 0.0


def client_of(host: str) -> str:
    """Whom requests from an address are counted for: an IPv6 network of 64 bits is one client."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def is_loopback(host: str) -> bool:
    """Whether a name or address is one of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
