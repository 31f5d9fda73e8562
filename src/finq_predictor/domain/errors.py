"""The exceptions of the product.

FinqError
├── ConfigurationError          a parameter, option or environment that cannot work
├── UnknownNameError            a market, model, scorer, instrument ... that does not exist
├── ScorerUnavailableError      a sentiment scorer whose library or weights are absent
├── DataError                   data that cannot be used
│   ├── SourceError             a file or provider that cannot be read
│   │   ├── SourceUnavailableError  a provider does not answer now; another one may be asked
│   │   ├── SourceRefusedError      a provider does not accept the key, or there is none
│   │   └── SourceAnswerError       a provider answered something that cannot be read
│   ├── MappingError            a file whose columns cannot be recognised
│   ├── GateError               a quality gate stopped the run
│   ├── LookAheadError          a feature knows the future
│   ├── SplitError              a split that would leak or leaves nothing to test
│   └── StoreError              a stored artefact is absent, damaged or from other code
│       └── FeatureSetMismatchError  features were defined differently when the model was trained
├── ReportError                 a page that cannot be put together
├── NotificationError           a channel that did not take a message
└── PredictionRefusedError      no honest prediction can be given for this request
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches


class FinqError(Exception):
    """Base of every error raised on purpose; its message says what was given, expected and what to do."""


class ConfigurationError(FinqError):
    """A parameter, option or environment that cannot work."""


class UnknownNameError(FinqError):
    """A name that does not exist; the message lists near misses.

    Args:
        kind: What the name stands for, such as ``"market"``.
        given: The name that was asked for.
        known: The names that exist.
    """

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        # The members of an enumeration are shown as they are written.
        names = sorted(map(str, known))
        self.kind, self.given, self.known = kind, given, names
        super().__init__(f"Unknown {kind} {given!r}. {closest(given, names)}")


class ScorerUnavailableError(FinqError):
    """A sentiment scorer cannot work here: its library or its weights are absent."""


class DataError(FinqError):
    """Data that cannot be used."""


class SourceError(DataError):
    """A file or provider that cannot be read."""


class SourceUnavailableError(SourceError):
    """A provider is down, too slow, too busy or not asked any more for a while; another one may be asked instead.

    Args:
        message: What was asked, what came and what to do.
        come_back: When it may be asked again (UTC), where that is known.
    """

    def __init__(self, message: str, come_back: datetime | None = None) -> None:
        self.come_back = come_back
        super().__init__(message)


class SourceRefusedError(SourceError):
    """A provider does not let us in; the message says where the key belongs. To ask again does not help."""


class SourceAnswerError(SourceError):
    """A provider answered something that cannot be read or used, such as a page in place of data."""


class MappingError(DataError):
    """A file whose columns cannot be recognised."""


class GateError(DataError):
    """A quality gate stopped the run; names the frame, the rule and the rows."""


class LookAheadError(DataError):
    """A feature, join or label changes when the future is taken away; names the columns."""


class SplitError(DataError):
    """A split that would leak or leaves nothing to train or test on."""


class StoreError(DataError):
    """A stored artefact is absent, damaged or was written by other code."""


class ReportError(FinqError):
    """A page that cannot be put together: a table, a section or its template does not fit."""


class NotificationError(FinqError):
    """A channel did not take a message; what it had to say is told again the next time."""


class FeatureSetMismatchError(StoreError):
    """The features are defined differently now than when the model was trained."""


class PredictionRefusedError(FinqError):
    """No honest prediction can be given for this request."""


def closest(given: str, known: Iterable[str]) -> str:
    """Say which known names, three at most, are near a wrong one, or list them all.

    Args:
        given: The wrong name.
        known: The names that exist.

    Returns:
        One sentence, ready to end an error message.
    """
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    near = [folded[match] for match in get_close_matches(given.lower(), list(folded), n=3, cutoff=0.6)]
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    shown = ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
    return f"Known: {shown or 'none'}."
