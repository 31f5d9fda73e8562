"""How long does it hold, and where?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import number, percent
from finq_predictor.reports.tables import Cell, Look, Row, Table


@dataclass(frozen=True)
class Signal:
    """What the models say, measured as features are.

    Attributes:
        horizon: Over how long the models were trained to look, in words.
        over: One row per model and horizon; none where nothing was measured.
        pictures: What each shows -> the picture.
    """

    horizon: str
    over: Table
    pictures: dict[str, Image]


SHOWS = {
    "model_decay": "What was said some bars ago, against the same outcome",
    "model_parts": "By year and by sector or instrument",
}


def build(material: ReportMaterial) -> Signal:
    """Every model over every horizon, the one that is decided about first."""
    results, found = material.results, material.circumstances.models.validation.features
    market, chosen = results.market, results.candidate
    own = results.bundle.horizon
    ordered = found.assign(
        first=found["feature"] != chosen, naive=~found["feature"].isin(results.candidates)
    ).sort_values(["first", "naive", "feature", "horizon"], kind="stable")
    rows = [_row(row, market, chosen, own) for _, row in ordered.iterrows()]
    columns = ["Model", "Outcome over", "Mean", "t", "A bar later", "Five later", "Stays", "Years alike", "Worst part"]
    return Signal(
        horizon=market.span(own),
        over=Table(columns, rows, text_columns=(0, 1, 8)),
        pictures={SHOWS[name]: material.pictures[name] for name in SHOWS if name in material.pictures},
    )


def _row(row: pd.Series, market: Market, chosen: str, own: int) -> Row:
    def shown(name: str, digits: int = 4) -> str:
        return number(row[name], digits, sign=True)

    horizon = int(row["horizon"])
    worst = [
        f"{row[f'worst_{kind}']} ({shown(f'worst_{kind}_mean')})"
        for kind in ("year", "group")
        if pd.notna(row[f"worst_{kind}"]) and pd.notna(row[f"worst_{kind}_mean"])
    ]
    return Row(
        [
            str(row["feature"]),
            market.span(horizon),
            Cell(shown("mean"), note=f"p {number(row['p_value'], 3)}"),
            shown("t", 2),
            shown("lag_1"),
            shown("lag_5"),
            shown("autocorrelation", 2),
            percent(row["years_same_sign"], 0),
            ", ".join(worst),
        ],
        Look.STRONG if row["feature"] == chosen and horizon == own else Look.PLAIN,
    )
