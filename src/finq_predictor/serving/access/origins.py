"""Where a request comes from, as far as its headers and its address tell."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via")


def is_local(given: Mapping[bytes, bytes], peer: str | None) -> bool:
    """Whether a program on this machine sent a request to this machine by its own name.

    Behind a proxy on the same machine every request comes from it; one that says for whom it asks is a proxy. A page
    whose site suddenly has the address of this machine is told by the name it calls the service by.

    Args:
        given: The headers.
        peer: The address it came from; None where that is not known.
    """
    if peer is None or not _is_loopback(peer) or any(name in given for name in _FORWARDED):
        return False
    return _is_own_name(given.get(b"host", b""))


def is_of_this_site(given: Mapping[bytes, bytes], others: frozenset[bytes]) -> bool:
    """Whether the page that sent a request came from here, or from one of the other origins."""
    origin = given[b"origin"]
    return origin in others or origin.partition(b"://")[2] == given.get(b"host", b"-")


@lru_cache(256)
def _is_own_name(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    # A name without a dot is none that a stranger can have.
    return name.endswith(".localhost") or _is_loopback(name) or ("." not in name and ":" not in name)


@lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
