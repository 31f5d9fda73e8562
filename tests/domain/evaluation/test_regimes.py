"""Parts of a test say what their rows say, the state of a market looks at nothing later, abstaining answers fewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.regimes import (
    ANSWERED,
    STATES,
    Surroundings,
    abstention_curve,
    by_regime,
    volatility_states,
)
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import ABSTENTION, REGIMES

EQUITY = get_market("equity")
DAYS, STOCKS = 700, 12


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """A market whose second half is three times as wild as its first."""
    rng = np.random.default_rng(0)
    spread = np.where(np.arange(DAYS) < DAYS // 2, 0.01, 0.03)[:, None]
    close = 100.0 * np.exp(np.cumsum(spread * rng.standard_normal((DAYS, STOCKS)), axis=0))
    ts = pd.bdate_range("2020-01-02", periods=DAYS, tz="UTC") + pd.Timedelta(hours=21)
    names = [f"S{number:02d}" for number in range(STOCKS)]
    sectors = ["banks" if number % 2 else "energy" for number in range(STOCKS)]
    return pd.DataFrame(
        {"ts": ts.repeat(STOCKS), "instrument": names * DAYS, "close": close.ravel(), "sector": sectors * DAYS}
    )


@pytest.fixture(scope="module")
def said(bars) -> pd.DataFrame:
    """A model that is right as often as it says, on the last 400 bars."""
    rng = np.random.default_rng(1)
    rows = bars[bars["ts"] >= bars["ts"].unique()[300]]
    probability = rng.uniform(0.3, 0.7, len(rows))
    label = (rng.random(len(rows)) < probability).astype(float)
    return rows[["ts", "instrument"]].assign(
        probability=probability,
        label=label,
        forward_return=0.02 * (label - 0.5),
        p_yes=rng.random(len(rows)),
        p_no=rng.random(len(rows)),
    )


def test_the_state_of_a_market_is_known_then(bars):
    states = volatility_states(bars, EQUITY)
    assert set(states.dropna()) == set(STATES)
    assert states.iloc[:250].isna().all()
    # When the wild half begins it is wild beside the year before; a year later that is how it is.
    assert (states.iloc[380:420] == "wild").all()
    cut = bars["ts"].unique()[450]
    later = bars["ts"] > cut
    changed = bars.assign(close=bars["close"].mask(later, bars["close"] * 7.0))
    pd.testing.assert_series_equal(volatility_states(changed, EQUITY)[:cut], states[:cut])
    pd.testing.assert_series_equal(volatility_states(bars[~later], EQUITY), states[:cut])


def test_parts_say_what_their_rows_say(said, bars):
    found = by_regime(said, Surroundings.of(bars, EQUITY), 5, 0.9)
    assert REGIMES.misfits(REGIMES.typed(found.assign(model="m"))) == []
    for kind in ("year", "sector", "volatility"):
        assert found.loc[found["kind"] == kind, "n_rows"].sum() == len(said)
    right = (said["probability"] > 0.5) == (said["label"] > 0.5)
    banks = said["instrument"].isin({"S01", "S03", "S05", "S07", "S09", "S11"})
    row = found.set_index("part").loc["banks"]
    assert row["accuracy"] == pytest.approx(right[banks].mean())
    assert row["ci_low"] < row["accuracy"] < row["ci_high"]
    held = np.where(said["label"] == 1.0, said["p_yes"], said["p_no"]) > 0.1
    assert row["set_coverage"] == pytest.approx(held[banks].mean())
    nameless = Surroundings.of(bars.drop(columns="sector"), EQUITY)
    without = by_regime(said.drop(columns=["p_yes", "p_no"]), nameless, 5, 0.9)
    assert without["set_coverage"].isna().all()
    assert set(without["kind"]) == {"year", "volatility"}


def test_the_surest_are_right_most_often_where_probabilities_mean_what_they_say(said):
    curve = abstention_curve(said, 1)
    assert ABSTENTION.misfits(ABSTENTION.typed(curve.assign(model="m"))) == []
    np.testing.assert_allclose(curve["answered"], ANSWERED, atol=0.001)
    assert curve["accuracy"].iloc[-1] > curve["accuracy"].iloc[0] + 0.05
    assert ((curve["ci_low"] <= curve["stated"]) & (curve["stated"] <= curve["ci_high"])).mean() >= 0.8
    surest = said[(said["probability"] - 0.5).abs() * 2.0 >= curve["confidence"].iloc[-1]]
    assert len(surest) == curve["n_rows"].iloc[-1]
    assert curve["accuracy"].iloc[0] == pytest.approx(
        ((said["probability"] > 0.5) == (said["label"] > 0.5)).mean(), abs=1e-12
    )


def test_a_model_that_is_equally_sure_everywhere_has_one_point(said):
    curve = abstention_curve(said.assign(probability=0.5), 5)
    assert curve["answered"].tolist() == [1.0]


def test_the_interval_counts_days_and_not_rows(said):
    """Rows of one day that are right or wrong together are one witness."""
    day = said["ts"].dt.normalize()
    lucky = day.map(pd.Series(np.random.default_rng(2).random(day.nunique()) < 0.5, index=day.unique()))
    together = said.assign(label=np.where(lucky, said["probability"] > 0.5, said["probability"] <= 0.5).astype(float))
    wide, narrow = (abstention_curve(one, 1).iloc[0] for one in (together, said))
    assert wide["ci_high"] - wide["ci_low"] > 2.5 * (narrow["ci_high"] - narrow["ci_low"])
