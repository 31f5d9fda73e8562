"""Everything that was ever tried on some data, so that luck is divided by the true number of trials.

The best of many worthless trials looks good; how good depends on how many there were (Bailey and Lopez de Prado, 2014).
A number that a user remembers, or that one run counts for itself, is too low. The ledger is added to and never
shortened, and data are known by what they hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from math import isfinite
from numbers import Integral, Real
from typing import Any

from finq_predictor.domain.errors import ConfigurationError, DataError, StoreError
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.fingerprint import hash_content

# From here on two sets of rows are so much the same that a result on one says something about the other.
OVERLAP = 0.1
# From here on a configuration on the one is the configuration that was tried on the other, and not tried anew.
SAME = 0.5
# What an entry may leave unsaid of a later run: a hundredth of its rows.
COVERED = 0.99

_DIGITS = 16


class Kind(StrEnum):
    """What an entry of the ledger tells of."""

    SEARCH = "search"
    """A trial of the search for hyperparameters, judged inside the training window: it never saw the test rows."""
    JUDGED = "judged"
    """A configuration whose result on the test rows was seen."""
    OPENING = "opening"
    """A configuration for which the sealed final window was opened."""


@dataclass(frozen=True)
class LedgerEntry:
    """One thing that was tried.

    Attributes:
        kind: What was done.
        model: Name of the model.
        configuration: Hash of all that makes a difference, see :func:`configuration_hash`.
        horizon: Of the prediction, in bars.
        seed: Of the model.
        data: The rows on which the result was seen: those of the training window for a trial of the search, of the test
            for a judged one, of the sealed window for an opening.
        at: When, ISO 8601 in UTC.
        by: Name of the user.
        run: How the run was started.
        reason: Why the sealed window was opened; empty unless it was.
        result: What was seen, such as a p-value, by name; finite numbers.
        previous: Hash of the entry before it, see :attr:`digest`; empty for the first one. The ledger fills it in.
    """

    kind: Kind
    model: str
    configuration: str
    horizon: int
    seed: int
    data: DataSketch
    at: str
    by: str
    run: str
    reason: str = ""
    result: Mapping[str, float] = field(default_factory=dict)
    previous: str = ""

    def __post_init__(self) -> None:
        """Refuse what the ledger could not answer for later.

        Raises:
            DataError: If an opening has no reason or another kind has one, the time is not UTC, or a result is NaN.
        """
        if (self.kind is Kind.OPENING) != bool(self.reason.strip()):
            raise DataError(
                f"An entry of kind {self.kind!s} was given the reason {self.reason!r}; an opening of the sealed window "
                "says why it was opened, and nothing else has a reason."
            )
        if not _is_utc(self.at):
            raise DataError(f"An entry was made at {self.at!r}; give the time of the run as ISO 8601 in UTC.")
        odd = {name: value for name, value in self.result.items() if not isfinite(value)}
        if odd:
            raise DataError(f"The result of an entry holds {odd}; leave out what is not defined.")

    @cached_property
    def digest(self) -> str:
        """Hash of all that the entry says, and by ``previous`` of all entries before it; 64 hexadecimal digits."""
        # A field that is left at its default is not hashed, so that one can be added and old ledgers still verify.
        unsaid = {"reason": "", "result": {}, "previous": ""}
        said = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "data"}
        said = {name: value for name, value in said.items() if name not in unsaid or value != unsaid[name]}
        if self.result:
            # As they come back from a file: an integer beyond the precision of a float is not what it was.
            said["result"] = {name: float(value) for name, value in self.result.items()}
        return hash_content(_canonical({**said, "data": self.data.identity}, "entry"))


@dataclass(frozen=True)
class TrialLedger:
    """All entries, oldest first; a ledger is never changed, :meth:`add` makes a longer one.

    Attributes:
        entries: Each holds the hash of the one before it.
    """

    entries: tuple[LedgerEntry, ...] = ()

    @property
    def head(self) -> str:
        """Hash of the last entry, which stands for the whole ledger; empty without entries."""
        return self.entries[-1].digest if self.entries else ""

    def add(self, entries: Iterable[LedgerEntry]) -> tuple[TrialLedger, tuple[LedgerEntry, ...]]:
        """Add what is not told yet.

        An entry is left out if one of the same kind and configuration tells of all its rows but a hundredth: a repeated
        run. One that tells of further rows is kept, because a window that lies in them has been seen as well; if
        half of the smaller set of rows is the same, it is the same trial all the same and not a new one. However often
        it is kept, a configuration counts once.

        Args:
            entries: In their order; ``previous`` is replaced.

        Returns:
            The longer ledger, and those of its entries that are new trials.
        """
        told: defaultdict[tuple[Kind, str], set[DataSketch]] = defaultdict(set)
        for entry in self.entries:
            told[entry.kind, entry.configuration].add(entry.data)
        kept, new, head = list(self.entries), [], self.head
        for entry in entries:
            before = told[entry.kind, entry.configuration]
            if entry.data in before or any(entry.data.share_in(data) >= COVERED for data in before):
                continue
            chained = replace(entry, previous=head)
            if not any(entry.data.containment(data) >= SAME for data in before):
                new.append(chained)
            before.add(entry.data)
            kept.append(chained)
            head = chained.digest
        return TrialLedger(tuple(kept)), tuple(new)

    def judged_on(self, data: DataSketch, overlap: float = OVERLAP) -> int:
        """Number of configurations whose result was seen on these rows, or on rows that overlap with them.

        Args:
            data: The rows of a test.
            overlap: Share of the smaller set of rows from which on they do.
        """
        return len({entry.configuration for entry in self._on(data, Kind.JUDGED, overlap)})

    def searched_on(self, data: DataSketch, overlap: float = OVERLAP) -> int:
        """Number of configurations that a search tried on these rows or on overlapping ones.

        Args:
            data: The rows of a training window.
            overlap: Share of the smaller set of rows from which on they do.
        """
        return len({entry.configuration for entry in self._on(data, Kind.SEARCH, overlap)})

    def openings_on(self, data: DataSketch, overlap: float = OVERLAP) -> tuple[LedgerEntry, ...]:
        """The openings of a sealed window, the first one of each configuration, oldest first.

        Args:
            data: The rows of the window.
            overlap: Share of the smaller set of rows from which on it is the same window.
        """
        first: dict[str, LedgerEntry] = {}
        for entry in self._on(data, Kind.OPENING, overlap):
            first.setdefault(entry.configuration, entry)
        return tuple(first.values())

    def verify(self, head: str = "") -> None:
        """Check that no entry was edited, removed, inserted or moved.

        Args:
            head: Hash of an entry that is known to have been the last one once. Without it the chain cannot tell
                that its last entry was edited, or that entries at its end were removed.

        Raises:
            StoreError: If one was; names the line.
        """
        previous, digests = "", {""}
        for line, entry in enumerate(self.entries, start=1):
            if entry.previous != previous:
                raise StoreError(f"Line {line} of the ledger of trials {_broken(line)}.")
            previous = entry.digest
            digests.add(previous)
        if head not in digests:
            last = f"line {len(self.entries)}, its last, was edited, or lines after it were" if previous else "all were"
            raise StoreError(
                f"Of the ledger of trials {last} removed: none has the hash {head[:_DIGITS]}, which the last one had."
            )

    def _on(self, data: DataSketch, kind: Kind, overlap: float) -> Iterator[LedgerEntry]:
        # Most entries share their rows with others, and a comparison costs more than a look into a dictionary.
        meets: dict[DataSketch, bool] = {}
        for entry in self.entries:
            if entry.kind is kind:
                if entry.data not in meets:
                    meets[entry.data] = entry.data.containment(data) >= overlap
                if meets[entry.data]:
                    yield entry


def configuration_hash(content: Mapping[str, Any]) -> str:
    """Hash a configuration; two that differ in anything are two trials.

    Args:
        content: All that makes a difference to the result, such as model, parameters, features, horizon and seed, as
            text, numbers, booleans, None, lists and mappings. The order of mappings does not matter, and numbers that
            are equal count as equal, whether they are written 1 or 1.0; True is no number.

    Returns:
        16 hexadecimal digits; equal in every process for equal content.

    Raises:
        DataError: If it holds something else; names where.
    """
    return hash_content(_canonical(content, "configuration"))[:_DIGITS]


def level_of_opening(alpha: float, k: int) -> float:
    """Level at which the opening of a sealed window is tested, so that all openings ever share ``alpha``.

    ``alpha / (k (k + 1))``: half for the first, a sixth for the second. The levels of all k sum to ``alpha``, so that
    by the union bound the chance of any false success is at most that, however the tests depend on each other. This
    spends alpha and earns none back; alpha-investing (Foster and Stine, 2008) earns some with each success, at the
    price of bounding a weaker error.

    Args:
        alpha: Level over all openings, in (0, 1).
        k: Which opening of the window it is, from 1.

    Raises:
        ConfigurationError: If one of them is out of range.
    """
    if not 0.0 < alpha < 1.0:
        raise ConfigurationError(f"The level over all openings is {alpha}; give one between 0 and 1, such as 0.05.")
    if k < 1:
        raise ConfigurationError(f"Openings are counted from 1, not {k}; count the one that is about to be made.")
    return alpha / (k * (k + 1))


def _canonical(content: Any, place: str) -> Any:
    """The same as plain JSON values, a number that is whole as an integer."""
    if isinstance(content, Mapping):
        odd = [name for name in content if not isinstance(name, str)]
        if odd:
            raise DataError(f"{place} has the key {odd[0]!r}; only text can be a key of what is hashed.")
        return {str(name): _canonical(value, f"{place}.{name}") for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_canonical(value, f"{place}[{number}]") for number, value in enumerate(content)]
    if content is None or isinstance(content, bool):
        return content
    if isinstance(content, str):
        return str(content)
    if isinstance(content, Integral):
        return int(content)
    if isinstance(content, Real):
        number = float(content)
        return int(number) if number.is_integer() else number
    raise DataError(
        f"{place} holds {content!r} of type {type(content).__name__}, which has no lasting hash; say it as text, "
        "number, boolean, None, list or mapping."
    )


def _broken(line: int) -> str:
    if line == 1:
        return "says that something stood before it: lines before it were removed, or it was edited or moved"
    return f"does not follow from line {line - 1}: one of the two was edited or moved, or a line between them removed"


def _is_utc(at: str) -> bool:
    try:
        return datetime.fromisoformat(at).utcoffset() == timedelta(0)
    except ValueError:
        return False
