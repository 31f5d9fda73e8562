"""How the prices of a table treat splits and dividends, as far as the prices themselves tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import ADJ_CLOSE
from finq_predictor.domain.ingestion.dirt import names_of, returns_of

# New shares for each old one, and the other way round.
_FACTORS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
# An ordinary day beside the split may move the price so much.
_NEAR = 0.04
# Where the adjusted close moves no more than this, a jump of the close was no return.
_QUIET = 0.15


@dataclass(frozen=True)
class PriceBasis:
    """What the prices say about splits and dividends.

    Attributes:
        adjusted: Whether an adjusted close was delivered.
        differing: Share of rows whose adjusted close differs from the close, in [0, 1].
        splits: Bars on which the close jumps by the factor of a split; with an adjusted close only those that it does
            not follow, without one all that may be a split.
        examples: The first few of them, by instrument and date.
    """

    adjusted: bool
    differing: float = 0.0
    splits: int = 0
    examples: tuple[str, ...] = ()

    def text(self) -> str:
        """One sentence for people."""
        if not self.adjusted:
            if not self.splits:
                return "no adjusted close, and no jump looks like a split; dividends look like losses"
            return (
                f"no adjusted close, and {self.splits} jumps look like splits or spin-offs that nobody has taken out: "
                f"{', '.join(self.examples)}"
            )
        if self.differing == 0:
            return "adj_close equals close everywhere: nothing is adjusted, or both are; dividends may be missing"
        differs = f"adj_close differs from close in {self.differing:.0%} of rows"
        if self.splits:
            return (
                f"{differs} and takes out jumps of close that splits, spin-offs or large payouts may have made, "
                f"{self.splits} of them: {', '.join(self.examples)}"
            )
        return f"{differs}, as dividends do; close has no jump of a split that adj_close takes out"


def price_basis(bars: pd.DataFrame, adjusted: bool, intraday: bool) -> PriceBasis:
    """Compare closes with adjusted closes, and look for jumps by the factor of a split.

    Args:
        bars: Typed bars, one row per instrument and time, ordered by both, with ``_at``, when each begins.
        adjusted: Whether an adjusted close was delivered.
        intraday: Whether bars are shorter than a day, for names.
    """
    jumps = _like_splits(returns_of(bars))
    differing = 0.0
    if adjusted:
        known = bars["close"].notna() & bars[ADJ_CLOSE].notna()
        off = ~np.isclose(bars[ADJ_CLOSE], bars["close"], rtol=1e-6)
        differing = float((known & off).sum() / max(int(known.sum()), 1))
        jumps &= (returns_of(bars, ADJ_CLOSE).abs() < _QUIET).to_numpy()
    return PriceBasis(adjusted, differing, int(jumps.sum()), names_of(bars, jumps, intraday))


def _like_splits(returns: pd.Series) -> Array:
    """Whether the price is, within a few per cent, a simple part or multiple of the one before."""
    ratio = returns.to_numpy() + 1.0
    near = np.zeros(len(ratio), dtype=bool)
    for factor in _FACTORS:
        for exact in (factor, 1 / factor):
            near |= np.abs(ratio / exact - 1.0) < _NEAR
    return near
