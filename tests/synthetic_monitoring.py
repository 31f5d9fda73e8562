"""A small world that a model was trained on and is watched in: nothing happened in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.ingestion.gate_results import results_table
from finq_predictor.domain.ingestion.gates import Check, IngestionChecks, Severity
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.training_profile import build_profile
from finq_predictor.domain.monitoring.drift.windows import last_days
from finq_predictor.domain.tables import PROVIDERS
from finq_predictor.pipelines.monitoring import nodes
from finq_predictor.pipelines.monitoring.params import MonitoringParams
from finq_predictor.reports.monitoring.results import MonitoringResults
from synthetic_values import make_limits, make_origin, make_provenance, make_version

NAMES = ("momentum_20", "reversal_5", "volatility_20", "tone")


def make_watched_world(days: int = 260, instruments: int = 20) -> tuple[pd.DataFrame, ModelBundle]:
    """Gold rows without any change, the bars below them and a logistic model trained on the first 240 days."""
    random = np.random.default_rng(3)
    ts = (pd.bdate_range("2023-01-02", periods=days, tz="UTC") + pd.Timedelta(hours=21)).astype("datetime64[us, UTC]")
    gold = pd.DataFrame(
        {
            "ts": np.repeat(ts, instruments),
            "instrument": pd.Series([f"S{i:02d}" for i in range(instruments)] * days, dtype="str"),
        }
    )
    for name in NAMES:
        gold[name] = random.normal(size=len(gold))
    gold.loc[random.random(len(gold)) < 0.02, "tone"] = np.nan
    past = gold[gold["ts"] < ts[240]]
    label = (past["momentum_20"] + random.normal(size=len(past)) > 0).to_numpy(dtype="float64")
    model = create_model("logistic", {}).fit(past[list(NAMES)], label, seed=1)
    scores = model.predict_score(past[list(NAMES)])
    calibrator = PlattCalibrator().fit(scores, label)
    bundle = ModelBundle(
        market="equity",
        name="logistic",
        horizon=5,
        feature_set=FeatureSet(market="equity", names=NAMES, lookback=20, definitions_hash="test", inputs=("close",)),
        model=model,
        calibrator=calibrator,
        **make_limits(past[list(NAMES)], label, calibrator.transform(scores)),
        profile=build_profile(past[list(NAMES)], label, calibrator.transform(scores)),
        origin=make_origin(trained_to=past["ts"].max().isoformat(), registered=make_version("3")),
    )
    return gold, bundle


def quiet_gates(gold: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """What the gates say of a delivery that is as it should be; ``changes`` are of one more answer."""
    checks = [Check("bars", "min_instruments", True, 24, 20, ("A", "B"))]
    checks += [replace(Check("articles", "max_article_days", True, 0.5, 7.0, severity=Severity.WARN), **changes)]
    answers = IngestionChecks("equity", tuple(checks), {"bars": {"duplicate": 3}}, {}, {"bars": 1000})
    return results_table(answers, gold["ts"].max())


def make_monitoring(gold: pd.DataFrame, champion: ModelBundle, **changes: Any) -> MonitoringResults:
    """What monitoring finds on its last twenty days, with whatever a test wants changed."""
    market, params = get_market("equity"), MonitoringParams()
    predictions = champion.predict(last_days(gold, params.window_days))
    results = MonitoringResults(
        market=market,
        freshness=nodes.measure_freshness(
            gold, gold, predictions, make_provenance(), gold["ts"].max(), quiet_gates(gold), params, market=market
        ),
        missing_rates=nodes.measure_missing(gold, champion, params),
        drift=nodes.measure_drift(gold, predictions, champion, params),
        gates=quiet_gates(gold),
        providers=PROVIDERS.empty(),
        current=last_days(gold, params.window_days),
        champion=champion,
        provenance=make_provenance(),
        window_days=params.window_days,
        thresholds={},
    )
    return replace(results, **changes)
