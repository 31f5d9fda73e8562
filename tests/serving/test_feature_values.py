"""GET /features tells what the model reads, how old it is, and withholds what is too old."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features.views import views_of
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.answers import Served
from finq_predictor.serving.settings import Settings
from serving.conftest import started
from serving.small_market import LEAVER, NEWCOMER


def ask(client, **query):
    return client.get("/features", params=query)


def row_of(served, ts, name):
    table = served.features_at(ts)
    names = list(served.predictor.bundle.feature_set.names)
    return table[table["instrument"] == name][names].to_numpy()[0]


def test_it_tells_what_the_model_reads_with_lags(client):
    served = client.store.get("fx")
    names, bars = served.predictor.bundle.feature_set.names, served.predictor.panel.ts
    answer = ask(client, market="fx", instruments="EUR_USD,gbp/usd", lags="1,5").json()
    assert [one["instrument"] for one in answer["instruments"]] == ["EUR_USD", "GBP_USD"]
    for one in answer["instruments"]:
        assert one["feature_ts"] == bars[-1].isoformat()
        assert one["feature_age_hours"] == 0.0
        expected = np.concatenate([row_of(served, bars[-1 - lag], one["instrument"]) for lag in (0, 1, 5)])
        told = [np.nan if value is None else value for value in one["values"].values()]
        np.testing.assert_array_equal(told, expected)
        assert list(one["values"])[-1] == f"{names[-1]}__lag_5"
        states = ["NULL_VALUE" if np.isnan(value) else "PRESENT" for value in expected]
        assert list(one["states"].values()) == states
    views = views_of(served.predictor.bundle.feature_set)
    assert [view["name"] for view in answer["views"]] == [view.name for view in views]


def test_what_is_too_old_is_withheld_and_computes_nothing(client, two_markets):
    """Of a stock that left, and of all of them when the market went on without us."""
    served = client.store.get("equity")
    features = "ret_1,vol_20"
    found = ask(client, market="equity", instruments=f"{LEAVER},{NEWCOMER}", features=features).json()["instruments"]
    assert found[0]["feature_ts"] < found[1]["feature_ts"]
    assert found[0]["feature_age_hours"] > 13.0
    assert set(found[0]["states"].values()) == {"OUTSIDE_MAX_AGE"}
    assert set(found[0]["values"].values()) == {None}
    assert found[1]["states"] == {"ret_1": "PRESENT", "vol_20": "NULL_VALUE"}
    bundle = served.predictor.bundle
    real = Served(
        served.market,
        Predictor(replace(bundle, origin=replace(bundle.origin, simulated=False)), served.predictor.panel),
    )
    with started(Settings(data_root=two_markets)) as late:
        runtime = late.app.state.runtime
        runtime.now = lambda: (real.predictor.newest + pd.Timedelta(days=30)).timestamp()
        runtime.store._put("equity", real)
        found = ask(late, market="equity", instruments="AAPL", features=features, lags="2").json()["instruments"][0]
    assert set(found["states"].values()) == {"OUTSIDE_MAX_AGE"}
    assert found["feature_ts"] == real.predictor.newest.isoformat()
    assert list(real.taken_feature_lookups()) == []


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"market": "fx"}, 422, "name at least one"),
        ({"market": "fx", "instruments": "EUR_USDD"}, 404, "Did you mean 'EUR_USD'"),
        ({"market": "fx", "instruments": "EUR_USD", "features": "rett_1"}, 404, "Did you mean 'ret_1'"),
        ({"market": "fx", "instruments": "EUR_USD", "lags": "0"}, 422, "from 1 to 63"),
        ({"market": "fx", "instruments": "EUR_USD", "lags": "x"}, 422, "from 1 to 63"),
        ({"market": "fx", "instruments": "EUR_USD", "lags": "1,2,3,4,5,6,7,8,9"}, 422, "at most 8"),
        ({"market": "fx", "instruments": ",".join(["EUR_USD"] * 101)}, 422, "at most 100"),
        ({"market": "fx", "instruments": "x" * 900}, 422, "longer than 64"),
        ({"instruments": "EUR_USD"}, 422, "market"),
        ({"market": "gold", "instruments": "EUR_USD"}, 404, "gold"),
    ],
)
def test_what_cannot_be_answered_is_said(client, query, status, said):
    answer = ask(client, **query)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
