"""What may go wrong inside one attempt; the guard turns it into an error of the product, with what was asked."""

from __future__ import annotations

from finq_predictor.adapters.http.calls import Outcome

_HOST_IS_TO_BLAME = frozenset({Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNREACHABLE, Outcome.CUT_OFF})


class PassingError(Exception):
    """Something that may be gone the next time; the attempt is made again.

    Args:
        outcome: What it was.
        what: What came, as the end of a sentence.
        status: HTTP status, where an answer began.
        size: Bytes that came.
        retry_after: Seconds the provider asks to wait, if it does.
    """

    def __init__(
        self, outcome: Outcome, what: str, status: int | None = None, size: int = 0, retry_after: float | None = None
    ) -> None:
        self.outcome, self.what, self.status, self.size, self.retry_after = outcome, what, status, size, retry_after
        super().__init__(what)


class UnreadableError(Exception):
    """An answer that is complete and cannot be used; asking again would bring the same.

    Args:
        what: What came, as the end of a sentence.
        advice: What to do.
    """

    def __init__(self, what: str, advice: str) -> None:
        self.what, self.advice = what, advice
        super().__init__(what)


def blames_host(error: BaseException) -> bool:
    """Whether an error says that the host is ill, rather than that it said no or that we made a mistake."""
    if isinstance(error, PassingError):
        return error.outcome in _HOST_IS_TO_BLAME
    return not isinstance(error, Exception)
