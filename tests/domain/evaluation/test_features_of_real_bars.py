"""Features of real shares are worth little alone, and what is worth much is a leak; when the real bars are there."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.feature_validation.validating import Validation, validate_features
from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import build_panel

EQUITY = MARKETS["equity"]
BELIEVED = 6.0
"""A t above which a person has to look."""


def validated(folder, every: int, families: tuple[str, ...] | None) -> Validation:
    """All features of some of the shares, and one that reads the next bar."""
    bars = pd.read_parquet(folder / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    bars = bars.rename(columns={"symbol": "instrument", "date": "ts"}).dropna(subset=["open", "high", "low", "close"])
    # Two companies had this name, one after the other.
    bars = bars[bars["instrument"] != "BHF"].drop_duplicates(["ts", "instrument"])
    bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]") + pd.Timedelta("21h")
    bars = bars[bars["instrument"].isin(sorted(bars["instrument"].unique())[::every])]
    level = bars.groupby("ts", as_index=False)["adj_close"].mean().rename(columns={"adj_close": "close"})
    panel = build_panel(bars, EQUITY, benchmark=level)
    features = make_feature_set(select_features(EQUITY, panel.available, families))
    values = compute_features(panel, features)
    wide = values.drop(columns=[TS, INSTRUMENT]).astype("float32")
    wide["leak"] = wide["ret_5"].groupby(values[INSTRUMENT]).shift(-3)
    labels = make_labels(panel, EQUITY, (1, 5)).drop(columns=[TS, INSTRUMENT])
    gold = pd.concat([values[[TS, INSTRUMENT]], wide, labels], axis=1)
    return validate_features(gold, tuple(wide), EQUITY, sealed_from=panel.ts[int(len(panel.ts) * 0.85)])


def judge(found: Validation) -> None:
    table = found.features
    honest, leak = table[table["feature"] != "leak"], table[table["feature"] == "leak"].set_index("horizon")
    assert honest["t"].notna().mean() > 0.9
    assert honest["t"].abs().max() < BELIEVED, honest.loc[honest["t"].abs().idxmax(), "feature"]
    assert leak["t"].min() > 2 * BELIEVED
    assert (leak["p_by"] < 1e-6).all()
    # It reads three bars beyond its own: three bars later it knows nothing more.
    assert abs(leak.loc[1, "lag_5"]) < 0.1 * leak.loc[1, "lag_0"]


def test_of_some_shares(shared_data):
    judge(validated(shared_data, 12, ("momentum",)))


@pytest.mark.proof
def test_of_all_shares(shared_data):
    judge(validated(shared_data, 1, None))
