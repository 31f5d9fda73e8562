"""Asking for many keys where some may not be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.domain.errors import SourceError, SourceRefusedError, SourceUnavailableError

_SHOWN = 3
PATIENCE = 3
"""After so many keys in a row without an answer a provider is taken to be down."""


def one_by_one(keys: Sequence[str], ask: Callable[[str], Iterable[Part]], *, apart: bool = False) -> Iterator[Part]:
    """Ask for each key, and at the end say which could not be had.

    Args:
        keys: Instruments, series or feeds.
        ask: Yields what there is of one.
        apart: Whether each key lives at a provider of its own, so that one that is down says nothing about the others.

    Yields:
        The parts of each key in turn.

    Raises:
        SourceUnavailableError: If the one provider does not answer for several keys in a row; others would only wait
            for the same. That it does not answer for one may be a matter of that one.
        SourceRefusedError: At once, if it does not accept the key of its user.
        SourceError: After the last one, if some could not be had; of the kind of their errors if they have one.
    """
    failures: dict[str, SourceError] = {}
    down = 0
    for key in keys:
        try:
            yield from ask(key)
            down = 0
        except SourceError as error:
            down = down + 1 if isinstance(error, SourceUnavailableError) else 0
            if not apart and (isinstance(error, SourceRefusedError) or down == PATIENCE):
                raise
            failures[key] = error
    if failures:
        shown = " ".join(f"{key}: {error}" for key, error in list(failures.items())[:_SHOWN])
        more = f" And {len(failures) - _SHOWN} more." if len(failures) > _SHOWN else ""
        kinds = {type(error) for error in failures.values()}
        kind = kinds.pop() if len(kinds) == 1 else SourceError
        raise kind(f"{len(failures)} of {len(keys)} could not be had. {shown}{more}")
