"""One request under the rules of a policy, whichever library sends it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from finq_predictor.adapters.http.calls import Call, Outcome, Record, no_record
from finq_predictor.adapters.http.faults import PassingError, UnreadableError
from finq_predictor.adapters.http.hosts import HOSTS, BusyError, Host, Hosts
from finq_predictor.adapters.http.policy import Policy, retry_after
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.domain.errors import SourceAnswerError, SourceError, SourceUnavailableError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
B = TypeVar("B")

# Statuses below 500 that say "not now".
_THROTTLED = frozenset({420, 425, 429})
_TOO_SLOW = 408


@dataclass(frozen=True)
class Reply(Generic[B]):
    """The answer to one request.

    Args:
        status: HTTP status.
        headers: By name.
        size: Bytes as they came over the line.
        body: The answer itself, in whatever form its reader wants.
        said: What the provider says of an error, as the end of a sentence; empty where it says nothing.
    """

    status: int
    headers: Mapping[str, str]
    size: int
    body: B = field(repr=False)
    said: str = ""


class Guard:
    """Runs requests of one source: limit of requests, breaker, retries, waiting as a provider asks, a note of each.

    Hosts, with their breakers and limits, are shared by all guards of a process.

    Args:
        source: The provider's name in this project, for messages.
        policy: The rules.
        record: Is told of every attempt.
        redact: Takes secrets out of what is noted and said.
        hosts: The hosts that are known; tests give their own, with a clock of their own.

    Example:
        A library that brings its own session sends through it, with the same rules::

            def send() -> Reply[Response]:
                answer = session.request(method, url, timeout=guard.policy.total_seconds)
                return Reply(answer.status_code, answer.headers, len(answer.content), answer)

            response = guard.run(method, url, send, lambda reply: reply.body)
    """

    def __init__(
        self,
        source: str,
        policy: Policy | None = None,
        *,
        record: Record = no_record,
        redact: Redactor | None = None,
        hosts: Hosts = HOSTS,
    ) -> None:
        self.source, self.policy = source, policy or Policy()
        self._record, self.redact, self.hosts = record, redact or Redactor(), hosts

    def run(self, method: str, url: str, send: Callable[[], Reply[B]], read: Callable[[Reply[B]], T]) -> T:
        """Make a request that may be repeated without harm.

        Args:
            method: HTTP method, for messages.
            url: What is asked.
            send: Makes the request once, within the time that the policy allows. An `OSError` or `PassingError` means
                that it may work the next time; anything else goes through as it is. curl_cffi's errors are `OSError`.
            read: Takes out of an answer what is wanted, or raises; it gets each answer that is not to be waited for,
                404 too. A `PassingError` from here has the request made again, as for a provider that says "too many"
                under status 200.

        Returns:
            What ``read`` returns.

        Raises:
            SourceUnavailableError: If it failed in each attempt, or is not to be sent for now.
            SourceAnswerError: If the answer was cut off in each attempt, or ``read`` cannot use it.
        """
        asked = self.redact(f"{method} {url}")
        run = _Run(self, self.redact(url), method, self.hosts.of(url, self.policy), send, read)
        fault: Exception
        try:
            return run.result()
        except (PassingError, UnreadableError) as last:
            fault = last
        # Outside of the block above, so that the error carries no exception of a library, whose text is not ours.
        raise self._error(asked, fault, run)

    def _error(self, asked: str, fault: Exception, run: _Run[B, T]) -> SourceError:
        assert isinstance(fault, PassingError | UnreadableError)
        what = self.redact.short(fault.what)
        if isinstance(fault, UnreadableError):
            return SourceAnswerError(
                self.redact(f"The answer of {self.source} to {asked} cannot be used: {what}. {fault.advice}")
            )
        if fault.outcome is Outcome.NOT_SENT:
            return self._unavailable(f"{self.source} was not asked for {asked}: {what}.", fault)
        times = f"in {run.attempts} attempts" if run.attempts > 1 else "in 1 attempt"
        if fault.outcome is Outcome.CUT_OFF:
            return SourceAnswerError(
                self.redact(
                    f"{self.source} was asked for {asked} {times}, and its answer was cut off: {what}. "
                    "Nothing of it was used. Ask for less at a time, or again later."
                )
            )
        if left := run.host.breaker.seconds_left:
            fault.retry_after = max(left, fault.retry_after or 0.0)
            what += f"; {run.host.name} failed {run.host.breaker.failures} times in a row and is left alone now"
        return self._unavailable(f"{self.source} did not answer {asked} {times}: {what}.", fault)

    def _unavailable(self, text: str, fault: PassingError) -> SourceUnavailableError:
        if fault.retry_after is None:
            return SourceUnavailableError(self.redact(f"{text} Ask again later, or let another source answer."))
        come_back = self.hosts.time.now() + timedelta(seconds=fault.retry_after)
        return SourceUnavailableError(
            self.redact(
                f"{text} Come back in {fault.retry_after:,.0f} s, at {come_back:%Y-%m-%d %H:%M:%S} UTC, or let another "
                "source answer."
            ),
            come_back,
        )


class _Run(Generic[B, T]):
    """The attempts of one request."""

    def __init__(
        self,
        guard: Guard,
        shown: str,
        method: str,
        host: Host,
        send: Callable[[], Reply[B]],
        read: Callable[[Reply[B]], T],
    ) -> None:
        self._guard, self._shown, self._method, self.host = guard, shown, method, host
        self._send, self._read = send, read
        self._time, self._policy = guard.hosts.time, guard.policy
        self._unnoted: Call | None = None
        self.attempts = 0

    def result(self) -> T:
        """Attempt until it works or must not be tried again."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(self._policy.attempts),
            retry=retry_if_exception(self._may_pass),
            wait=self._wait,
            sleep=self._time.sleep,
            before_sleep=self._note_with_wait,
            reraise=True,
        )
        try:
            return retrying(self._attempt)
        finally:
            self._note()

    def _attempt(self) -> T:
        from finq_predictor.adapters.breaker import BreakerOpenError

        self.attempts += 1
        started_at, began = self._take_turn()
        seen: list[Reply[B]] = []
        outcome, status, size = Outcome.UNREADABLE, None, 0
        try:
            with self.host.breaker.trying():
                seen.append(self._sent())
                result = self._read(seen[0])
            outcome = Outcome.MOVED if 300 <= seen[0].status < 400 else Outcome.OK
            return result
        except BreakerOpenError:
            outcome = Outcome.NOT_SENT
            raise self._refused() from None
        except PassingError as fault:
            outcome, status, size = fault.outcome, fault.status, fault.size
            if fault.retry_after is not None:
                self.host.hold_off(fault.retry_after)
            raise
        finally:
            if seen:
                status, size = seen[0].status, seen[0].size
                outcome = Outcome.REFUSED if 400 <= status < 500 and outcome is Outcome.UNREADABLE else outcome
            self._unnoted = self._call(started_at, self._time.monotonic() - began, status, size, outcome)

    def _take_turn(self) -> tuple[datetime, float]:
        """Wait until our own rules let the request out; when it goes, by both clocks."""
        try:
            if self.host.breaker.seconds_left > 0:
                raise self._refused()
            self.host.wait_for_turn(self._policy.longest_retry_after_seconds)
        except (BusyError, PassingError) as error:
            self._unnoted = self._call(self._time.now(), 0.0, None, 0, Outcome.NOT_SENT)
            if isinstance(error, BusyError):
                raise PassingError(Outcome.NOT_SENT, error.why, retry_after=error.seconds) from None
            raise
        return self._time.now(), self._time.monotonic()

    def _sent(self) -> Reply[B]:
        """The answer to one request, unless it says "not now"."""
        try:
            reply = self._send()
        except OSError as error:
            # Time-outs of other libraries are no `TimeoutError`, but are called so.
            slow = isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower()
            outcome = Outcome.TIMED_OUT if slow else Outcome.UNREACHABLE
            raise PassingError(outcome, f"{type(error).__name__}: {error}") from None
        if reply.status < 500 and reply.status not in _THROTTLED | {_TOO_SLOW}:
            return reply
        outcome = Outcome.THROTTLED if reply.status in _THROTTLED else Outcome.FAILED
        outcome = Outcome.TIMED_OUT if reply.status == _TOO_SLOW else outcome
        what = f"HTTP status {reply.status}{reply.said and f', {reply.said}'}"
        wait = retry_after(reply.headers, self._time.now())
        raise PassingError(outcome, what, reply.status, reply.size, wait)

    def _may_pass(self, error: BaseException) -> bool:
        if not isinstance(error, PassingError) or error.outcome is Outcome.NOT_SENT:
            return False
        if self.host.breaker.seconds_left > 0:
            return False
        return error.retry_after is None or error.retry_after <= self._policy.longest_retry_after_seconds

    def _wait(self, state: RetryCallState) -> float:
        from tenacity import wait_exponential

        longest: float = wait_exponential(self._policy.first_wait_seconds, self._policy.longest_wait_seconds)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, PassingError) else None
        return max(longest * self._time.random(), asked or 0.0)

    def _refused(self) -> PassingError:
        left, host = self.host.breaker.seconds_left, self.host
        what = f"{host.name} failed {host.breaker.failures} times in a row, so it is left alone for a while"
        return PassingError(Outcome.NOT_SENT, what, retry_after=left or None)

    def _call(self, started_at: datetime, seconds: float, status: int | None, size: int, outcome: Outcome) -> Call:
        guard = self._guard
        return Call(guard.source, self._method, self._shown, status, started_at, seconds, size, self.attempts, outcome)

    def _note_with_wait(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        what = error.what if isinstance(error, PassingError) else ""
        what = self._guard.redact.short(what)
        text = f"{self._guard.source}: attempt {self.attempts} of {self._method} {self._shown}: {what}"
        _LOG.warning("%s", self._guard.redact(f"{text}; the next one is in {state.upcoming_sleep:.1f} s"))
        self._note(state.upcoming_sleep)

    def _note(self, wait: float | None = None) -> None:
        if self._unnoted is not None:
            call, self._unnoted = replace(self._unnoted, wait_seconds=wait), None
            self._guard._record(call)
