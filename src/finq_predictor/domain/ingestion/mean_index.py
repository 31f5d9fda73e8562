"""What all shares together earned, where nobody gave an index to compare them with."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, TS
from finq_predictor.domain.exact_sums import SIZE, SUM, sums_by

BEGIN = 100.0


def mean_index(bars: pd.DataFrame) -> pd.DataFrame:
    """An index that earns at each bar the mean of what the instruments earned since their bar before.

    All weigh alike. It is not the market: it holds what the bars hold. Its value at a bar needs nothing later than that
    bar.

    Args:
        bars: Silver bars.

    Returns:
        ``ts`` and ``close``, ascending, one row per bar, 100 at the first; ``adj_close`` is the same, since dividends
        count as the adjusted closes of the bars count them.
    """
    ordered = bars.sort_values([INSTRUMENT, TS], kind="stable")
    earned = ordered[[TS]].assign(earned=ordered.groupby(INSTRUMENT, sort=False)[ADJ_CLOSE].pct_change())
    sums = sums_by(earned, [TS], "earned").set_index(TS)
    mean = (sums[SUM] / sums[SIZE]).reindex(pd.Index(ordered[TS].unique(), name=TS).sort_values(), fill_value=0.0)
    level = BEGIN * (1.0 + mean).cumprod()
    return pd.DataFrame({TS: level.index, "close": level.to_numpy(), ADJ_CLOSE: level.to_numpy()})
