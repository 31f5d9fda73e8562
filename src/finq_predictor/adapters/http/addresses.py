"""Where a client may ask: over TLS, or on this machine; with its keys at one place only."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

from finq_predictor.adapters.http.credentials import where
from finq_predictor.adapters.http.faults import UnreadableError
from finq_predictor.adapters.secrets import masked
from finq_predictor.domain.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    import httpx

Query = Mapping[str, str | int | float | bool | None]
# What stands for itself in a path; "%" too, for those that are quoted already.
_OF_A_PATH = "/:@!$&'()*+,;=~%"


def base_of(source: str, text: str) -> httpx.URL:
    """The address of a provider.

    Raises:
        ConfigurationError: If it is none, would send everything in the clear, or holds a key.
    """
    import httpx

    shown = str(masked({"text": text})["text"])
    if shown != text:
        raise ConfigurationError(
            f"The address of {source}, {shown}, holds a user or a key. Take it out, and give it in {where(source)}."
        )
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host or not is_safe(url):
        raise ConfigurationError(
            f"The address of {source} is {text!r}; expected https://HOST/..., or http:// on this machine only, because "
            "whoever is in between could read keys and change figures."
        )
    return url


def is_safe(url: httpx.URL) -> bool:
    """Whether nobody in between can read or change what goes there."""
    return url.scheme == "https" or (url.scheme == "http" and _is_this_machine(url.host))


def below(base: httpx.URL, path: str, query: Query) -> httpx.URL:
    """A path below the address of a provider, with the parameters that are not None; it stays at that host.

    Raises:
        SourceError: If that is longer than an address can be.
    """
    import httpx

    given = {name: value for name, value in query.items() if value is not None}
    quoted = f"{base.path.rstrip('/')}/{quote(path, safe=_OF_A_PATH).lstrip('/')}" if path else base.path
    try:
        url = base.copy_with(path=quoted)
        return url.copy_merge_params(given) if given else url
    except httpx.InvalidURL as error:
        raise SourceError(f"{base.host} cannot be asked for that: {error}. Ask for fewer symbols at a time.") from None


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two addresses are at the same server, spoken to in the same way."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def next_address(url: httpx.URL, location: str, with_keys: bool) -> httpx.URL:
    """Where a redirect leads.

    Args:
        url: What was asked.
        location: The header ``Location`` of its answer.
        with_keys: Whether the client has keys, which belong to one host.

    Raises:
        UnreadableError: If it must not be followed.
    """
    import httpx

    try:
        target = url.join(location)
    except httpx.InvalidURL:
        target = httpx.URL()
    if not location or not target.host:
        raise UnreadableError("it is a redirect to nowhere", "The provider is at fault; ask again later.")
    target = target.copy_with(userinfo=b"", fragment=None)
    if not is_safe(target) or (url.scheme == "https" and target.scheme != "https"):
        raise UnreadableError(
            f"it is a redirect to {target}, where others can read along", "Correct the address of the source."
        )
    if with_keys and not same_origin(url, target):
        raise UnreadableError(
            f"it is a redirect to another host, {target.netloc.decode()}, which is not to see the key",
            "If that is where the provider lives now, make it the address of the source.",
        )
    return target


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address; none for this machine, whatever it names."""
    if _is_this_machine(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
