"""Data known by what they hold, so that another file name, folder or colleague is no fresh start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.fingerprint import hash_content

SKETCH = 1024
# A hundredth of a basis point: what a provider's rounding or another order of sums changes is less, prices are more.
DECIMALS = 6

_FORWARD_RETURN = "forward_return"


@dataclass(frozen=True)
class DataSketch:
    """Which rows something was judged on, known by what they hold: a bottom-k sketch (Broder, 1997).

    Each row is hashed from its instrument, time and outcome; kept are the smallest hashes, which are a random sample
    of the rows that is the same wherever the rows are the same. The name of a file, the order of its rows and rows that
    come twice change nothing. Other prices, as of another seed of the simulator, are other rows.

    Attributes:
        hashes: The ``SKETCH`` smallest hashes, or all where there are fewer, in ascending order; 16 hexadecimal digits
            each.
        size: Number of distinct rows, exact.
        first: Time of the first row, ISO 8601 in UTC.
        last: Time of the last row.
    """

    hashes: str
    size: int
    first: str
    last: str

    @classmethod
    def of(cls, rows: pd.DataFrame) -> DataSketch:
        """Sketch the rows whose outcome is known.

        Args:
            rows: ``ts`` (with a time zone), ``instrument`` (text) and ``forward_return`` (fraction), which counts to a
                hundredth of a basis point; rows where it is NaN or infinite are left out.

        Raises:
            DataError: If a column is missing, the times have no zone, or no outcome is known.
        """
        missing = [name for name in (TS, INSTRUMENT, _FORWARD_RETURN) if name not in rows]
        if missing:
            raise DataError(
                f"Rows are known by {TS}, {INSTRUMENT} and {_FORWARD_RETURN}; without {', '.join(missing)} they cannot "
                "be. Give the rows that were judged, with their outcome."
            )
        outcome = rows[_FORWARD_RETURN].to_numpy(np.float64, na_value=np.nan)
        known = np.isfinite(outcome)
        if not known.any():
            raise DataError(f"None of {len(rows)} rows has an outcome, so nothing was judged on them; log no trial.")
        times = pd.DatetimeIndex(rows.loc[known, TS])
        if times.tz is None:
            raise DataError(f"The times in {TS} have no zone; give them in UTC, as every table has them.")
        times = times.tz_convert("UTC").as_unit("us")
        # Adding 0 makes a negative zero a positive one.
        outcome = np.round(outcome[known], DECIMALS) + 0.0
        row_hashes = _names(rows.loc[known, INSTRUMENT])
        for column in (times.asi8.view(np.uint64), outcome.view(np.uint64)):
            row_hashes = _mix(row_hashes ^ column)
        distinct = pd.unique(row_hashes)
        smallest = distinct if len(distinct) <= SKETCH else np.partition(distinct, SKETCH - 1)[:SKETCH]
        return cls(
            np.sort(smallest).astype(">u8").tobytes().hex(),
            len(distinct),
            times.min().isoformat(),
            times.max().isoformat(),
        )

    @cached_property
    def identity(self) -> str:
        """A hash of the sketch, 64 hexadecimal digits: equal where the rows are."""
        return hash_content([self.hashes, self.size, self.first, self.last])

    @cached_property
    def values(self) -> Array:
        """The hashes as unsigned 64-bit integers, in ascending order (k)."""
        numbers: Array = np.frombuffer(bytes.fromhex(self.hashes), dtype=">u8").astype(np.uint64)
        return numbers

    def containment(self, other: DataSketch) -> float:
        """Share of the rows of the smaller set that are in the larger one, estimated.

        Exact where both sets have no more than ``SKETCH`` rows, where one holds the other, and where they have nothing
        in common. Else the standard error is ``sqrt(c (1 - c) / m)`` with ``m = SKETCH * smaller / larger``: up to
        0.016 for sets of one size, 0.05 where one is ten times the other.

        Returns:
            In [0, 1], the same from both sides. Where the smaller set is so small that no row of it can be compared,
            as happens below three thousandths of the larger one, it is taken to lie in the larger one if their times
            meet: a trial too many is honest, one too few is not.
        """
        smaller, larger = sorted((self, other), key=lambda sketch: (sketch.size, sketch.hashes))
        share = smaller.share_in(larger)
        if np.isnan(share):
            return float(smaller.first <= larger.last and larger.first <= smaller.last)
        return share

    def share_in(self, other: DataSketch) -> float:
        """Share of these rows that are among the other ones, estimated.

        Below the lower of the two largest hashes kept, both sketches are complete, so that the rows there are a random
        sample in which membership is exact (Beyer et al., 2007). The resemblance of Broder, turned into a share, would
        be as good in the middle but uncertain at 0 and 1, where it matters.

        Returns:
            In [0, 1]; NaN where none of these rows falls into the sample.
        """
        limits = [sketch.values[-1] for sketch in (self, other) if len(sketch.values) < sketch.size]
        mine, theirs = (
            sketch.values[: np.searchsorted(sketch.values, min(limits))] if limits else sketch.values
            for sketch in (self, other)
        )
        return float(np.isin(mine, theirs, assume_unique=True).mean()) if len(mine) else float("nan")


def _names(instruments: pd.Series) -> Array:
    """Hash of each row's instrument (n), unsigned 64-bit."""
    codes, names = pd.factorize(instruments, use_na_sentinel=False)
    digests = b"".join(blake2b(str(name).encode(), digest_size=8).digest() for name in names)
    hashes: Array = np.frombuffer(digests, dtype=">u8").astype(np.uint64)[codes]
    return hashes


def _mix(numbers: Array) -> Array:
    """Scramble 64-bit numbers (n) so that each bit depends on all: the finaliser of Steele, Lea and Flood (2014).

    Pandas hashes faster, but promises nobody the same hashes in its next version; a ledger is for ever.
    """
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = numbers ^ (numbers >> np.uint64(31))
    return mixed
