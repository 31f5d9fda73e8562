"""Are bare prices bids? At the roll-over of currencies spreads widen for an hour or two, and bids fall with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS

ZONE, HOUR, BEFORE, AFTER = "America/New_York", 17, 16, 19
"""The trading day of currencies ends at 17:00 in New York; two hours later spreads are what they were."""
FEWEST_DAYS = 100
SMALLEST_FALL_BP = 1.0
SUREST = -8.0
"""Mids of six years of EUR_USD fall by 0.7 basis points (t -6.9), bids by 1.5 (-14.7); AUD_USD 0.0 (-0.2) and 1.8."""


@dataclass(frozen=True)
class Fall:
    """How prices move at the roll-over, beside the hours around it.

    Attributes:
        instrument: Name.
        basis_points: Mean fall that is made good again, negative for a fall.
        t: The same in standard errors.
        days: Days with all three prices.
    """

    instrument: str
    basis_points: float
    t: float
    days: int

    @property
    def looks_like_bids(self) -> bool:
        """Whether it is deeper and surer than that of mids."""
        return self.days >= FEWEST_DAYS and self.basis_points <= -SMALLEST_FALL_BP and self.t <= SUREST


def falls_at_rollover(bars: pd.DataFrame) -> list[Fall]:
    """Measure each instrument.

    Args:
        bars: ``ts`` (close, UTC), ``instrument``, ``close``; bars of an hour or shorter.

    Returns:
        One entry per instrument in the order of their names; the outermost hundredths of days are drawn in.
    """
    local = bars[TS].dt.tz_convert(ZONE)
    at = local.dt.hour.where(local.dt.minute == 0)
    found = []
    for name, rows in bars.groupby(INSTRUMENT, sort=True):
        log = np.log(rows["close"].to_numpy(float))
        hour, day = at.loc[rows.index].to_numpy(), local.loc[rows.index].dt.date.to_numpy()
        prices = {when: pd.Series(log[hour == when], index=day[hour == when]) for when in (BEFORE, HOUR, AFTER)}
        prices = {when: series[~series.index.duplicated()] for when, series in prices.items()}
        fall = (1e4 * (prices[HOUR] - (prices[BEFORE] + prices[AFTER]) / 2.0)).dropna()
        fall = fall[np.isfinite(fall)]
        if len(fall) > 1:
            fall = fall.clip(*fall.quantile([0.01, 0.99]))
        error = float(fall.std()) / len(fall) ** 0.5 if len(fall) > 1 else 0.0
        mean = float(fall.mean()) if len(fall) else 0.0
        found.append(Fall(str(name), mean, mean / error if error > 0.0 else 0.0, len(fall)))
    return found


def note_on_bids(bars: pd.DataFrame) -> list[str]:
    """Say which bare prices look like bids; one sentence each."""
    return [
        f"{fall.instrument} came without bid and ask and falls by {-fall.basis_points:.1f} basis points at the "
        f"roll-over, to come back (t {fall.t:.1f} on {fall.days} days), as bids do when spreads widen: what looks "
        "predictable there is the spread; deliver quotes, or mids"
        for fall in falls_at_rollover(bars)
        if fall.looks_like_bids
    ]
