"""The tables of monitoring, together."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Watched:
    """What was measured.

    Attributes:
        freshness: The table ``freshness``.
        missing_rates: The table ``missing_rates``.
        drift: The table ``drift``.
        gates: The table ``gate_results``, of the last delivery.
        providers: The table ``providers``.
    """

    freshness: pd.DataFrame
    missing_rates: pd.DataFrame
    drift: pd.DataFrame
    gates: pd.DataFrame
    providers: pd.DataFrame
