"""What all clients of a process know of a host in common: when it may be asked again, and whether it is ill."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from finq_predictor.adapters.http.live import require_live
from finq_predictor.adapters.http.policy import Policy, Time

if TYPE_CHECKING:
    from pyrate_limiter import Decision

    from finq_predictor.adapters.breaker import Breaker

_MINUTE_MS = 60_000
_USUAL_PORTS = {"http": 80, "https": 443}


class BusyError(Exception):
    """The turn of a request would come only after a longer wait than is allowed.

    Args:
        seconds: How long it would be.
        why: Whose rule that is, as the end of a sentence.
    """

    def __init__(self, seconds: float, why: str) -> None:
        self.seconds, self.why = seconds, why
        super().__init__(why)


class Host:
    """The breaker and the limit of requests of one host; safe to use from several threads.

    Args:
        name: Host and port.
        policy: The first rules; further ones can only be stricter.
        time: The clock.
    """

    def __init__(self, name: str, policy: Policy, time: Time) -> None:
        require_live()
        from pyrate_limiter import InMemoryBucket, Rate

        from finq_predictor.adapters.breaker import Breaker
        from finq_predictor.adapters.http.faults import blames_host

        self.name = name
        self.breaker: Breaker = Breaker(policy.failures_to_open, policy.open_seconds, time.monotonic, blames_host)
        self._time = time
        self._lock = Lock()
        self._per_minute = policy.requests_per_minute
        # A window that slides, because providers count that way: a bucket that fills up would let twice as many
        # through in one of their minutes.
        self._bucket = InMemoryBucket([Rate(self._per_minute, _MINUTE_MS)])
        self._closed_until = time.monotonic()

    def obey(self, policy: Policy) -> None:
        """Take on the stricter of the present rules and these: the host does not know which source asks."""
        from pyrate_limiter import Rate

        self.breaker.obey(policy.failures_to_open, policy.open_seconds)
        with self._lock:
            if policy.requests_per_minute < self._per_minute:
                self._per_minute = policy.requests_per_minute
                self._bucket.rates = [Rate(self._per_minute, _MINUTE_MS)]

    def hold_off(self, seconds: float) -> None:
        """Let nobody ask before so many seconds have passed, as the host wishes."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._time.monotonic() + seconds)

    def wait_for_turn(self, longest: float) -> None:
        """Wait until a request may go out, and count it.

        Args:
            longest: Seconds to wait at most.

        Raises:
            BusyError: If it would take longer; nothing is counted then.
        """
        waited = 0.0
        while (wait := self._wait()) > 0:
            if waited + wait > longest:
                raise BusyError(wait, self._rule())
            self._time.sleep(wait)
            waited += wait

    def _rule(self) -> str:
        with self._lock:
            if self._time.monotonic() < self._closed_until:
                return f"{self.name} wants to be left alone for a while"
            return f"{self.name} may be asked {self._per_minute} times a minute, and was"

    def _wait(self) -> float:
        """Seconds until a request may go out; 0, and it is counted, if it may now."""
        from pyrate_limiter import RateItem

        with self._lock:
            now = self._time.monotonic()
            if now < self._closed_until:
                return self._closed_until - now
            self._bucket.leak(round(now * 1000))
            decision = cast("Decision", self._bucket.put_decision(RateItem(self.name, round(now * 1000))))
            return 0.0 if decision.allowed else max(decision.retry_after_ms or 0, 1) / 1000


class Hosts:
    """Every host that was asked, by name; one breaker and one limit for each, whoever asks.

    Args:
        time: The clock.
    """

    def __init__(self, time: Time | None = None) -> None:
        self.time = time or Time()
        self._lock = Lock()
        self._hosts: dict[str, Host] = {}

    def of(self, url: str, policy: Policy) -> Host:
        """The host of an address, which obeys a policy from now on."""
        parts = urlsplit(url)
        usual = _USUAL_PORTS.get(parts.scheme)
        name = (parts.hostname or "") + ("" if parts.port in (None, usual) else f":{parts.port}")
        with self._lock:
            if name not in self._hosts:
                self._hosts[name] = Host(name, policy, self.time)
            host = self._hosts[name]
        host.obey(policy)
        return host

    def forget(self, name: str) -> None:
        """Take up a host anew, with nothing counted and nothing held off: another server may answer there by now.

        Args:
            name: Host, with its port where it is no usual one, such as ``"api.example.org"`` or ``"127.0.0.1:8080"``.
        """
        with self._lock:
            self._hosts.pop(name, None)


HOSTS = Hosts()
"""The hosts of this process."""
