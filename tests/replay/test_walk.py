"""Live is what was tested, and a hindsight in any layer shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.ingestion.parsing import typed_bars
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import decide_rows
from finq_predictor.domain.panel import macro_state
from finq_predictor.domain.sentiment.aggregation import aggregate_tone
from finq_predictor.replay.walk import Batch, Champion, Replay


def batch_of(replay: Replay) -> Batch:
    """What the code as it is now makes of the whole history at once."""
    silver = replay.stages.silver(replay.history.until(pd.Timestamp("2100-01-01", tz="UTC")))
    features = compute_features(replay.stages.panel(silver), replay.champions[-1].bundle.feature_set)
    values = features.drop(columns=[TS, INSTRUMENT]).astype("float32")
    return Batch(silver, pd.concat([features[[TS, INSTRUMENT]], values], axis=1), None)


def under(replay: Replay) -> Replay:
    """The same market with a batch made by the code as it is now."""
    return Replay(replay.history, replay.stages, batch_of(replay), replay.champions, replay.rules)


@pytest.mark.slow
def test_nothing_differs_between_what_was_known_then_and_the_tables(lived):
    steps = list(lived.walk(lived.sample(None, None, 4, seed=5)))
    assert [step.difference for step in steps] == [None] * 4
    names = set(steps[-1].rows)
    assert names == {"silver", "features", "probabilities", "decisions"}
    assert steps[-1].rows["silver"] > 20_000
    # The last bar was published: it is compared with that, too.
    assert steps[-1].rows["decisions"] == 2 * steps[-1].rows["probabilities"] > 0


# Hindsights, one for each layer --------------------------------------------------------------------------------------


def _filled_from_the_next_bar(mapped, rules):
    bars = typed_bars(mapped, rules)
    prices = [name for name in bars if bars[name].dtype == "float64"]
    return bars.assign(**bars[prices].bfill())


def _tone_of_two_hours_later(scored, bars, market, max_wait=None):
    return aggregate_tone(scored.assign(known_at=scored["known_at"] - pd.Timedelta(hours=2)), bars, market, max_wait)


def _macro_by_its_period(series, ts):
    return macro_state(series.assign(known_at=series["period"].dt.tz_localize("UTC")), ts)


def _next_return(bars):
    close = bars.close
    return np.vstack([close[1:] / close[:-1] - 1.0, np.full((1, close.shape[1]), np.nan)])


def _centred_on_all_rows(predict):
    def predicted(bundle, features):
        names = list(bundle.model.features)
        return predict(bundle, features[["ts", "instrument"]].join(features[names] - features[names].mean()))

    return predicted


def _only_where_it_is_restless(features, scored, read, rules, market, limits=None):
    decided = decide_rows(features, scored, read, rules, market, limits)
    calm = (features["vol_20"] < features["vol_20"].mean()).to_numpy()
    return decided.assign(decision=decided["decision"].mask(calm, "abstain"))


def _wrong_bars(replay: Replay) -> list[pd.Timestamp]:
    """Bars of which a price is missing."""
    raw = replay.history.bronze["bars"]
    broken = raw[raw["mid_close"].isna()]
    closes = pd.DatetimeIndex(broken["time"]) + pd.Timedelta(hours=1)
    return [ts for ts in closes.sort_values() if ts in set(replay.bars[len(replay.bars) // 2 :])][:3]


DOMAIN = "finq_predictor.domain"
HINDSIGHTS: dict[str, tuple[str, object, str, str]] = {
    "bars": (f"{DOMAIN}.ingestion.bars.typed_bars", _filled_from_the_next_bar, "silver", "silver_bars"),
    "tone": (
        "finq_predictor.pipelines.sentiment.nodes.aggregate_tone",
        _tone_of_two_hours_later,
        "silver",
        "silver_sentiment",
    ),
    "panel": (f"{DOMAIN}.panel.macro_state", _macro_by_its_period, "features", "gold"),
    "features": (f"{DOMAIN}.features._bars.Bars.returns", property(_next_return), "features", "gold"),
    "scaling": (
        f"{DOMAIN}.modelling.bundle.ModelBundle.predict",
        _centred_on_all_rows(ModelBundle.predict),
        "probabilities",
        "champion",
    ),
    "decisions": (f"{DOMAIN}.modelling.prediction.decide_rows", _only_where_it_is_restless, "decisions", "champion"),
}


@pytest.mark.slow
@pytest.mark.parametrize("planted", HINDSIGHTS)
def test_a_hindsight_in_any_layer_is_named(lived_fx, monkeypatch, planted):
    place, mutant, layer, table = HINDSIGHTS[planted]
    monkeypatch.setattr(place, mutant)
    bars = _wrong_bars(lived_fx) if planted == "bars" else lived_fx.sample(None, None, 6, seed=1)
    *_, last = under(lived_fx).walk(bars)
    found = last.difference
    assert found is not None
    assert (found.layer, found.table) == (layer, table)
    assert found.bar == last.bar.isoformat()
    assert f"{layer}: {table}" in found.sentence
    assert "in the batch" in found.sentence


def test_the_champion_of_a_moment_was_trained_on_nothing_after_it(lived_fx):
    bundle = lived_fx.champions[0].bundle
    champions = [
        Champion(replace(bundle, name=name), pd.Timestamp(since, tz="UTC"))
        for name, since in (("first", "2024-09-01"), ("second", "2024-11-01"))
    ]
    replay = Replay(lived_fx.history, lived_fx.stages, lived_fx.batch, champions, lived_fx.rules)
    asked = {"2024-08-01": "first", "2024-09-02": "first", "2024-11-01": "second", "2024-12-01": "second"}
    assert {day: replay.champion_of(pd.Timestamp(day, tz="UTC")).name for day in asked} == asked


def test_bars_are_sampled_with_the_last_among_them(lived_fx):
    chosen = lived_fx.sample(None, None, 10, seed=0)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 10
    assert chosen[-1] == lived_fx.bars[-1]
    assert chosen[0] >= lived_fx.bars[len(lived_fx.bars) // 2]
    day = pd.Timestamp("2024-10-01", tz="UTC")
    assert len(lived_fx.sample(day, day + pd.Timedelta(hours=5), None, seed=0)) == 6, "every hour, both ends included"
    with pytest.raises(DataError, match="No bar closed between"):
        lived_fx.sample(pd.Timestamp("2030-01-01", tz="UTC"), None, None, seed=0)
