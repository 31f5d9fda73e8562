"""Every layer and every table is compared: one value that is otherwise in the batch is named, wherever it stands.

What was delivered is silver already, so that this needs no run of the project and takes seconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features, select_features
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.panel import Panel
from finq_predictor.replay.audit import HistoryAudit, audit_history
from finq_predictor.replay.differences import Difference
from finq_predictor.replay.history import History
from finq_predictor.replay.recording import record
from finq_predictor.replay.walk import KEYS, Batch, Champion, Replay, name_of
from serving import small_market

EQUITY = MARKETS["equity"]
BARS = 300


@dataclass(frozen=True)
class SilverStages:
    """Stages of deliveries that need no cleaning."""

    def silver(self, bronze: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        return dict(bronze)

    def panel(self, silver: Mapping[str, pd.DataFrame]) -> Panel:
        return small_market.panel_of(EQUITY, dict(silver))


def texts(ts: pd.DatetimeIndex) -> dict[str, pd.DataFrame]:
    """An article, a release, a dividend and a repair a day, the tone of the articles, and everybody in the index."""
    days, every = len(ts), {"instrument": "AAPL", "known_at": ts}
    ids = [f"a{day}" for day in range(days)]
    periods = (ts - pd.Timedelta(days=30)).tz_localize(None).normalize()
    return {
        "articles": pd.DataFrame({**every, "article_id": ids, "title": "It rises"}),
        "scored_articles": pd.DataFrame({**every, "article_id": ids, "tone": 0.5, "confidence": 0.9}),
        "macro": pd.DataFrame({"series": "cpi", "period": periods, "value": np.arange(days) * 1.0, "known_at": ts}),
        "actions": pd.DataFrame({**every, "ex_date": periods, "kind": "dividend", "value": 0.5}),
        "repairs": pd.DataFrame({**every, "ts": ts, "column": "low", "repaired": 1.0}),
        "sentiment": pd.DataFrame({"ts": ts, "instrument": "AAPL", "tone_sum": 0.45, "article_count": 1.0}),
        "coverage": pd.DataFrame({"ts": ts, "newest": ts, "complete": True}),
        "membership": pd.DataFrame(
            {
                "instrument": sorted(small_market.STOCKS),
                "since": ts[0] - pd.Timedelta(days=1000),
                "until": ts[-1] + pd.Timedelta(days=1000),
                "known_at": ts[0],
            }
        ),
    }


@pytest.fixture(scope="module")
def replay() -> Replay:
    bronze = small_market.silver(EQUITY, bars=BARS, seed=3)
    panel = small_market.panel_of(EQUITY, bronze)
    bronze |= texts(panel.ts)
    bundle = small_market.train(EQUITY, panel)
    # As if trained on the first part only, so that there are bars after the training.
    bundle = replace(bundle, origin=replace(bundle.origin, trained_to="2021-12-30T21:00:00+00:00"))
    known = {name: table["known_at" if "known_at" in table else "ts"] for name, table in bronze.items()}
    features = compute_features(panel, bundle.feature_set)
    names = list(bundle.feature_set.names)
    gold = pd.concat([features[["ts", "instrument"]], features[names].astype("float32")], axis=1)
    champions = [Champion.of(bundle, panel.ts, EQUITY)]
    lived = Replay(
        History(EQUITY, bronze, known), SilverStages(), Batch(bronze, gold, None), champions, AbstentionRules()
    )
    published = lived._scored_by(bundle).assign(version=bundle.version)
    return with_batch(lived, predictions=published[published["ts"] == panel.ts[-1]])


def with_batch(replay: Replay, **changes: object) -> Replay:
    return Replay(replay.history, replay.stages, replace(replay.batch, **changes), replay.champions, replay.rules)


def changed(table: pd.DataFrame, row: int, column: str) -> pd.DataFrame:
    """The table with another value in one cell."""
    other = table.copy()
    value = other[column].iloc[row]
    place = other.columns.get_loc(column)
    if isinstance(value, bool | np.bool_):
        other.iloc[row, place] = not value
    elif isinstance(value, pd.Timestamp):
        other.iloc[row, place] = value + pd.Timedelta(days=1)
    else:
        other.iloc[row, place] = f"not {value}" if isinstance(value, str) or value is None else value + 1.0
    return other


def test_nothing_differs_and_every_layer_has_rows(replay):
    step = replay.at(replay.bars[-1])
    assert step.difference is None
    stocks = len(set(small_market.STOCKS) - {small_market.LEAVER})
    # Decisions twice: what it says now, and what was published.
    expected = {"features": stocks, "probabilities": stocks, "decisions": 2 * stocks}
    assert step.rows == {"silver": sum(len(table) for table in replay.batch.silver.values()), **expected}


@pytest.mark.parametrize("table", KEYS)
def test_every_table_of_silver_is_compared_to_its_last_row(replay, table):
    whole = replay.batch.silver[table]
    column = next(name for name in reversed(whole.columns) if name not in KEYS[table] and name != "known_at")
    for row in (0, len(whole) - 1):
        silver = {**replay.batch.silver, table: changed(whole, row, column)}
        found = with_batch(replay, silver=silver).at(replay.bars[-1]).difference
        assert (found.layer, found.table, found.column) == ("silver", name_of(table), column)
    without = {**replay.batch.silver, table: whole.iloc[:-1]}
    found = with_batch(replay, silver=without).at(replay.bars[-1]).difference
    assert (found.table, found.live, found.batch) == (name_of(table), "there", "absent")
    # And what the batch has, although it had not been delivered then.
    bronze = {**replay.history.bronze, table: whole.iloc[:-1]}
    known = {**replay.history.known, table: replay.history.known[table].iloc[:-1]}
    lacking = Replay(History(EQUITY, bronze, known), replay.stages, replay.batch, replay.champions, replay.rules)
    found = lacking.at(replay.bars[-1]).difference
    assert (found.table, found.live, found.batch) == (name_of(table), "absent", "there")


def test_every_feature_is_compared(replay):
    gold, bar = replay.batch.gold, replay.bars[-1]
    row = int(np.flatnonzero(gold["ts"] == bar)[0])
    known = [name for name in replay.champions[0].bundle.feature_set.names if np.isfinite(gold[name].iloc[row])]
    assert len(known) > 100
    for name in known[::20]:
        found = with_batch(replay, gold=changed(gold, row, name)).at(bar).difference
        assert (found.layer, found.table, found.column) == ("features", "gold", name)


@pytest.mark.parametrize(
    ("column", "layer"),
    [("score", "probabilities"), ("probability", "probabilities"), ("decision", "decisions"), ("reason", "decisions")],
)
def test_what_the_batch_says_is_compared(replay, column, layer):
    bundle, bar = replay.champions[0].bundle, replay.bars[-1]
    scored = replay._scored_by(bundle)
    other = with_batch(replay)
    other._scored[bundle.version] = changed(scored, int(np.flatnonzero(scored["ts"] == bar)[0]), column)
    found = other.at(bar).difference
    assert (found.layer, found.table, found.column) == (layer, "champion", column)


@pytest.mark.parametrize("column", ["probability", "decision"])
def test_what_was_published_is_compared_with_the_version_that_said_it(replay, column):
    bar, published = replay.bars[-1], changed(replay.batch.predictions, 0, column)
    found = with_batch(replay, predictions=published).at(bar).difference
    assert (found.layer, found.table, found.column) == ("decisions", "predictions", column)
    assert with_batch(replay, predictions=published.assign(version="another")).at(bar).difference is None


def test_a_walk_ends_at_the_first_difference(replay):
    gold, bars = replay.batch.gold, replay.bars[-3:]
    name = replay.champions[0].bundle.feature_set.names[0]
    row = int(np.flatnonzero(gold["ts"] == bars[1])[0])
    steps = list(with_batch(replay, gold=changed(gold, row, name)).walk(bars))
    assert [step.difference is None for step in steps] == [True, False]


def test_the_last_bar_is_always_sampled_and_nobody_answers_before_his_time(replay):
    assert all(replay.sample(None, None, 3, seed)[-1] == replay.bars[-1] for seed in range(20))
    first, later = replay.champions[0], Champion(replay.champions[0].bundle, replay.bars[-5])
    later = replace(later, bundle=replace(later.bundle, name="later"))
    both = Replay(replay.history, replay.stages, replay.batch, [first, later], replay.rules)
    names = [both.champion_of(bar).name for bar in replay.bars[[-6, -5, -4]]]
    assert names == ["logistic", "later", "later"]


def test_a_model_is_in_use_from_the_bar_that_showed_its_last_outcome(replay):
    """It has learned from the closes at which its labels end, not only from the bars that carry them."""
    bundle, bars = replay.champions[0].bundle, replay.bars
    reach, place = EQUITY.entry_lag + bundle.horizon, int(bars.get_loc(bundle.origin.trained_to))
    assert reach == 6
    assert replay.champions[0].since == bars[place + reach]
    newest = replace(bundle, origin=replace(bundle.origin, trained_to=bars[-1 - reach].isoformat()))
    assert Champion.of(newest, bars, EQUITY).since == bars[-1], "what was trained on all of it speaks of the last bar"
    # Of bars that were taken away since then nothing is known but that it had seen them.
    assert Champion.of(bundle, bars[: place + 2], EQUITY).since == bars[place + 1]
    assert Champion.of(bundle, bars[: place - 2], EQUITY).since == bars[place]


def test_a_record_tells_what_was_found_and_who_answered_with_hindsight(replay):
    gold, name = replay.batch.gold, replay.champions[0].bundle.feature_set.names[0]
    place = int(replay.bars.get_loc(replay.champions[0].since))
    bars = list(replay.bars[place - 1 : place + 2])
    now, called = dt.datetime(2026, 1, 5, tzinfo=dt.UTC), []
    found = record(replay, bars, now, lambda: called.append(1))
    assert (found.difference, found.equal, found.bars, found.of_bars, len(called)) == ("", True, 3, 3, 3)
    assert found.hindsight == 1, "the bar before the one that showed the last outcome"
    other = with_batch(replay, gold=changed(gold, int(np.flatnonzero(gold["ts"] == bars[1])[0]), name))
    told = record(other, bars, now, lambda: None)
    assert f"features: gold.{name}" in told.difference
    assert (told.equal, told.bars, told.last) == (False, 2, bars[1].isoformat())


@dataclass(frozen=True)
class HindsightStages(SilverStages):
    """Stages of which one gives each bar the volume of the next."""

    layer: str

    def silver(self, bronze: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        tables = super().silver(bronze)
        if self.layer == "silver":
            bars = tables["bars"]
            tables["bars"] = bars.assign(volume=bars.groupby("instrument")["volume"].shift(-1).fillna(1.0))
        return tables

    def panel(self, silver: Mapping[str, pd.DataFrame]) -> Panel:
        panel = super().panel(silver)
        if self.layer == "panel":
            later = np.vstack([panel.fields["volume"][1:], np.ones((1, len(panel.instruments)))])
            return replace(panel, fields={**panel.fields, "volume": later})
        return panel


def careless_labels(panel, market, horizons):
    labels = make_labels(panel, market, horizons)
    later = labels.groupby("instrument")["forward_return_1"].shift(-2)
    return labels.assign(forward_return_1=labels["forward_return_1"] + later.fillna(0.0))


@pytest.mark.parametrize("layer", ["", "silver", "panel", "labels"])
def test_an_audit_finds_a_hindsight_in_the_layer_in_which_it_is(replay, monkeypatch, layer):
    def of_volume(market, available):
        return [spec for spec in select_features(market, available) if spec.family == "volume"][:3]

    monkeypatch.setattr("finq_predictor.replay.audit.select_features", of_volume)
    if layer == "labels":
        monkeypatch.setattr("finq_predictor.replay.audit.make_labels", careless_labels)
    found = audit_history(replay.history, HindsightStages(layer), times=2, seed=0)
    assert found.clean == (layer == "")
    assert {each.table for each in found.tables} == ({"silver_bars"} if layer == "silver" else set())
    assert bool(found.leaking) == (layer in ("silver", "panel"))
    assert [each.column for each in found.labels] == (["forward_return_1"] if layer == "labels" else [])


def test_an_audit_is_clean_only_if_nothing_was_found():
    difference = Difference("labels", "gold", "label_1", "A", "", "", "1", "0")
    clean = HistoryAudit("equity", (), 3, (), (), (), (), ())
    found = {"tables": (difference,), "leaking": ("ret_1",), "short": ("ret_1",), "labels": (difference,)}
    assert clean.clean
    assert replace(clean, models=None).clean
    for name, value in {**found, "models": (difference,)}.items():
        assert not replace(clean, **{name: value}).clean, name
    assert {field.name for field in fields(HistoryAudit)} == {"market", "times", "features", "models", *found}
