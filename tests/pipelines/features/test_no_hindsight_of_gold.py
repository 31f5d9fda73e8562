"""What was known at a bar is made of what was known then, whatever is delivered later and whatever is missing.

Gold is made twice by the nodes of the pipeline. A feature that is known on too few rows is left out of gold, by the
share of the whole history: the columns may differ, and those are compared that both have.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.columns import BID, OHLC
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.panel import Panel
from finq_predictor.pipelines.features.nodes import assemble_panel, build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from synthetic_silver import random_tables

PARAMS = FeaturesParams(min_known_share=0.01)
CUTS = (150, 260, 330)
PRICES = tuple(f"{side}{part}" for side in ("", "bid_", "ask_") for part in OHLC)

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module", params=sorted(MARKETS))
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def tables(market: Market) -> Tables:
    """Silver with holes of every kind, bars that came too late, and releases that are revised."""
    made = {name: table for name, table in random_tables(market).items() if table is not None}
    rng = np.random.default_rng(3)
    bars = made["bars"]
    # One bar in fifty came days late; at the cuts every second field of every instrument is missing.
    late = rng.random(len(bars)) < 0.02
    known = bars["ts"].mask(late, bars["ts"] + pd.Timedelta(days=rng.integers(2, 20)))
    cuts = bars["ts"].isin(bars["ts"].drop_duplicates().iloc[list(CUTS)]).to_numpy()
    for name in bars.columns.difference(["ts", "instrument", "close"]):
        share = np.where(cuts, 0.5, 0.01)
        bars[name] = bars[name].mask(rng.random(len(bars)) < share)
    made["bars"] = bars.assign(known_at=known)
    if "benchmark" in made:
        times = made["benchmark"]["ts"]
        made["benchmark"] = made["benchmark"][~times.isin(times.iloc[list(CUTS)])].reset_index(drop=True)
    return made


@pytest.fixture(scope="module")
def times(tables: Tables) -> list[pd.Timestamp]:
    every = tables["bars"]["ts"].drop_duplicates().sort_values()
    return [every.iloc[place] for place in CUTS]


@pytest.fixture(scope="module")
def made(tables: Tables, market: Market) -> tuple[Panel, pd.DataFrame]:
    return make(tables, market)


def make(tables: Tables, market: Market) -> tuple[Panel, pd.DataFrame]:
    given = (tables["bars"], tables["sentiment"], tables["coverage"], tables["macro"], tables.get("benchmark"))
    panel = assemble_panel(*given, market=market)
    return panel, build_gold(panel, PARAMS, market=market)[1]


def came_later(table: pd.DataFrame, ts: pd.Timestamp, market: Market) -> np.ndarray:
    """Rows that were not there when the bar that closed at ``ts`` was decided about."""
    if "known_at" not in table:
        return (table["ts"] > ts).to_numpy()
    if "ts" not in table:
        return (table["known_at"] > ts).to_numpy()
    return ((table["ts"] > ts) | (table["known_at"] > table["ts"] + market.decision_delay)).to_numpy()


def noisy(table: pd.DataFrame, rows: np.ndarray, seed: int) -> pd.DataFrame:
    """The table with other values in some rows: prices that move thirty times as much, a thousandfold volume."""
    rng = np.random.default_rng(seed)
    changed = table.copy()
    factor = np.exp(rng.normal(1.0, 0.5, len(table)))
    for name in (*PRICES, "adj_close"):
        if name in table:
            changed[name] = table[name].fillna(10.0).mask(~rows, table[name]) * np.where(rows, factor, 1.0)
    for name in ("volume", "value", "tone_sum", "article_count"):
        if name in table:
            noise = 1e3 * np.abs(rng.standard_normal(len(table))) + 1.0
            changed[name] = table[name].astype("float64").mask(rows, pd.Series(noise, table.index))
    if "complete" in table:
        changed["complete"] = table["complete"] ^ rows
    return changed


def assert_past_is_the_same(
    before: tuple[Panel, pd.DataFrame], after: tuple[Panel, pd.DataFrame], ts: pd.Timestamp
) -> None:
    panels = [panel.until(ts) for panel, _ in (before, after)]
    assert panels[0].ts.equals(panels[1].ts)
    for name in sorted(set(panels[0].fields) & set(panels[1].fields)):
        np.testing.assert_array_equal(*(panel.fields[name] for panel in panels), err_msg=f"field {name}")
    common = [name for name in before[1] if name in after[1]]
    assert len(common) > 0.9 * before[1].shape[1]
    known = [table.loc[table["ts"] <= ts, common].reset_index(drop=True) for _, table in (before, after)]
    assert known[0][["ts", "instrument"]].equals(known[1][["ts", "instrument"]])
    for horizon in sorted(int(name.rpartition("_")[2]) for name in common if name.startswith("label_end_")):
        ended = [(table[f"label_end_{horizon}"] <= ts).to_numpy() for table in known]
        np.testing.assert_array_equal(*ended, err_msg=f"labels over {horizon} bars that are known at {ts}")
        for name in (f"label_{horizon}", f"forward_return_{horizon}", f"label_end_{horizon}"):
            assert known[0].loc[ended[0], name].equals(known[1].loc[ended[1], name]), f"{name} knows what comes later"
    features = [name for name in common if not name.startswith(("ts", "instrument", "label_", "forward_return_"))]
    values = [table[features].to_numpy() for table in known]
    differs = ~((values[0] == values[1]) | (np.isnan(values[0]) & np.isnan(values[1])))
    assert not differs.any(), f"{[name for name, bad in zip(features, differs.any(axis=0), strict=True) if bad]}"


@pytest.mark.parametrize("cut", range(len(CUTS)))
def test_noise_that_is_delivered_later_changes_nothing_that_was_known(tables, made, market, times, cut):
    """In bars, benchmark, tone and releases; what is missing at the cut is not taken from the bar after it."""
    ts = times[cut]
    changed = {name: noisy(table, came_later(table, ts, market), cut) for name, table in tables.items()}
    assert_past_is_the_same(made, make(changed, market), ts)


@pytest.mark.parametrize("cut", range(len(CUTS)))
def test_gold_up_to_a_bar_is_the_same_whether_or_not_more_was_delivered(tables, made, market, times, cut):
    ts = times[cut]
    known = {name: table[~came_later(table, ts, market)].reset_index(drop=True) for name, table in tables.items()}
    assert_past_is_the_same(made, make(known, market), ts)


def test_every_row_of_gold_has_its_own_features_and_its_own_outcome(made, market):
    panel, gold = made
    labels = make_labels(panel, market, market.horizons)
    pd.testing.assert_frame_equal(gold[list(labels)], labels, check_exact=True)
    close = pd.DataFrame(panel.fields["close"], panel.ts, panel.instruments)
    moved = (
        (close / close.shift(1) - 1.0)
        .stack(future_stack=True)
        .reindex(pd.MultiIndex.from_frame(gold[["ts", "instrument"]]))
    )
    np.testing.assert_array_equal(gold["ret_1"], moved.to_numpy("float32"))


def test_a_value_that_is_missing_is_not_there_under_another_name(tables, market, times):
    """A field of a bar that is missing stays missing in the panel; no bar before or after lends it one."""
    bars = tables["bars"]
    panel = make(tables, market)[0]
    fields = [name for name in (*OHLC, "volume", "sector", *BID) if name in bars and name in panel.fields]
    in_time = bars[bars["known_at"] <= bars["ts"] + market.decision_delay]
    for name in fields:
        # Adjusted prices and volume need the adjusted close as well.
        wanted = [name] if name == "sector" or "adj_close" not in bars else [name, "adj_close"]
        there = in_time.assign(here=in_time[wanted].notna().all(axis=1)).pivot(
            index="ts", columns="instrument", values="here"
        )
        expected = there.reindex(index=panel.ts, columns=list(panel.instruments)).fillna(value=False).to_numpy(bool)
        np.testing.assert_array_equal(np.isfinite(panel.fields[name]), expected, err_msg=name)


def test_the_noise_reaches_every_feature_when_it_comes_early(tables, made, market, times):
    """The laws above could fail: the same noise in the past moves what is made of it."""
    changed = {}
    for name, table in tables.items():
        early = ~came_later(table, times[1], market)
        changed[name] = noisy(table, early, 1)
    _, gold = make(changed, market)
    before = made[1]
    rows = [table[table["ts"] == times[1]].set_index("instrument") for table in (before, gold)]
    common = [name for name in before if name in gold and name not in ("ts", "instrument")]
    moved = [name for name in common if not rows[0][name].equals(rows[1][name])]
    assert len(moved) > 0.7 * len(common)
