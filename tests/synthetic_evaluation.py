"""A small equity world made in memory, on which evaluation is tested: bars, predictions of chosen skill, bundles."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.domain.evaluation.live_trials import ExperimentReport
from finq_predictor.domain.evaluation.paper_trading import PaperTrading
from finq_predictor.domain.evaluation.trial_ledger import TrialLedger
from finq_predictor.domain.features.engine import make_feature_set, select_features
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.training_profile import build_profile
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.domain.tables import NEUTRAL_OUTCOMES, SEALED_PREDICTIONS
from finq_predictor.pipelines.evaluation import nodes
from finq_predictor.pipelines.evaluation.champion import follow_champion
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.sealed import seal_window
from finq_predictor.pipelines.evaluation.trials import JudgedRows, enter_trials, identify_rows
from finq_predictor.pipelines.evaluation.worth import explain_profit, gather_worth, trade_on_paper
from finq_predictor.reports.evaluation.results import EvaluationResults, Measures
from synthetic_values import make_limits, make_origin, make_provenance, make_summary

HORIZON, LAG = 5, 1
TRAINED = (
    "candidates",
    "oos_predictions",
    "folds",
    "trials",
    "leak_meter",
    "provenance",
)
NOW = pd.Timestamp("2026-01-05 12:00", tz="UTC")
FEATURES = ("ret_5", "zscore_20", "vol_20", "rsi_14", "sma_gap_50", "macd_12_26")
_KNOWN = {spec.name: spec for spec in select_features(get_market("equity"), ("close",))}
FEATURE_SET = make_feature_set([_KNOWN[name] for name in FEATURES])


def make_bars(days: int, instruments: int, rng: np.random.Generator, drift: np.ndarray) -> pd.DataFrame:
    """Daily bars whose returns of the next days follow ``drift`` (days, instruments)."""
    ts = (pd.bdate_range("2019-01-02", periods=days, tz="UTC") + pd.Timedelta("21h")).as_unit("us")
    daily = rng.normal(0.0003, 0.01, (days, 1)) + rng.normal(0.0, 0.015, (days, instruments)) + drift
    close = 100.0 * np.exp(np.cumsum(daily, axis=0))
    names = np.array([f"S{i:03d}" for i in range(instruments)])
    frame = pd.DataFrame({"ts": ts.repeat(instruments), "instrument": np.tile(names, days), "close": close.ravel()})
    return frame.assign(
        open=frame["close"], high=frame["close"], low=frame["close"], adj_close=frame["close"], volume=1e6
    )


def make_world(
    *, signal: float = 1.0, days: int = 700, instruments: int = 40, seed: int = 0, simulated: bool = True
) -> dict:
    """Everything the evaluation pipeline reads; the candidates' skill is proportional to ``signal``."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((len(FEATURES), days, instruments))
    for t in range(1, days):
        features[:, t] = 0.85 * features[:, t - 1] + 0.53 * features[:, t]
    drift = np.zeros((days, instruments))
    drift[2:] = signal * 0.0012 * features[0, :-2]
    bars = make_bars(days, instruments, rng, drift)
    close = bars["close"].to_numpy().reshape(days, instruments)
    at = np.arange(days - HORIZON - LAG)
    forward = np.full((days, instruments), np.nan)
    forward[at] = close[at + LAG + HORIZON] / close[at + LAG] - 1.0
    forward[at] -= forward[at].mean(axis=1, keepdims=True)
    times = bars["ts"].drop_duplicates().to_numpy()
    ends = bars["ts"].drop_duplicates().reset_index(drop=True).shift(-LAG - HORIZON)
    gold = bars[["ts", "instrument"]].assign(
        **{name: features[k].ravel() for k, name in enumerate(FEATURES)},
        forward_return_5=forward.ravel(),
        label_5=np.where(np.isnan(forward), np.nan, forward > 0).ravel(),
        label_end_5=ends.repeat(instruments).array,
    )
    candidates = {name: make_bundle(name, gold, seed=seed, simulated=simulated) for name in ("logistic", "xgboost")}
    oos, folds = make_oos(gold, times, rng, 0.12 * max(signal, 1.0))
    sealed = oos["fold"] == folds["fold"].max()
    level = bars.groupby("ts")["close"].mean().rename_axis("ts").reset_index()
    return {
        "silver_bars": bars,
        "gold": gold,
        "feature_set": FEATURE_SET,
        "candidates": candidates,
        "silver_benchmark": level,
        "oos_predictions": oos[~sealed].reset_index(drop=True),
        "sealed_predictions": oos.loc[sealed, list(SEALED_PREDICTIONS.names)].reset_index(drop=True),
        "trial_ledger": TrialLedger(),
        "clock": NOW,
        "folds": folds,
        "trials": make_trials(rng),
        "leak_meter": make_leak_meter(),
        "training_summary": make_summary(
            horizon=HORIZON, seed=seed, configurations={"logistic": f"l{seed}", "xgboost": f"x{seed}"}
        ),
        "provenance": make_provenance(
            source="simulated" if simulated else "own",
            source_id=f"simulated-{seed}" if simulated else "own-1",
            simulated=simulated,
            rows={"bars": len(bars), "benchmark": days},
            first_ts=str(bars["ts"].min()),
            last_ts=str(bars["ts"].max()),
            instruments=instruments,
        ),
        "incumbent": None,
        "neutral_outcomes": NEUTRAL_OUTCOMES.empty(),
        "invocation": Invocation(options={"pipelines": ("equity",)}, params={"seed": seed}),
    }


def results_of(world: dict, params: EvaluationParams) -> EvaluationResults:
    """What the evaluation finds in a world, node by node as the pipeline runs them."""
    market = get_market("equity")
    *measured, _ = compute_metrics(
        world["oos_predictions"], world["neutral_outcomes"], world["training_summary"], params, market=market
    )
    trading = trade_all(world, params)
    measures = nodes.gather_measures(*measured, *trading[:2])
    explained = explain_profit(trading[0], trading[4], world["training_summary"], market=market)
    worth = gather_worth(*trading[2:4], *explained)
    trained = nodes.gather_training(**{name: world[name] for name in TRAINED})
    promotion, _ = decide(world, measures, params)
    return nodes.assemble_results(trained, measures, promotion, worth, world["invocation"], params, market=market)


def enter(world: dict) -> tuple[TrialLedger, JudgedRows]:
    """What the run of a world writes down before it measures."""
    names = ("oos_predictions", "gold", "folds", "training_summary", "clock", "invocation")
    rows = identify_rows(*(world[name] for name in names))
    return enter_trials(rows, world["trials"], world["training_summary"], world["trial_ledger"]), rows


def trade(world: dict, params: EvaluationParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What trading every model of a world on paper gave by day, and in all."""
    return trade_all(world, params)[:2]


def trade_all(world: dict, params: EvaluationParams) -> PaperTrading:
    """Every model of a world, traded on paper."""
    given = (world["oos_predictions"], world["silver_bars"], *enter(world), world["training_summary"], params)
    return trade_on_paper(*given, world["silver_benchmark"], market=get_market("equity"))


def decide(
    world: dict, measures: Measures, params: EvaluationParams, live_trials: ExperimentReport | None = None
) -> tuple[Decision, TrialLedger]:
    """The decision about a world."""
    market = get_market("equity")
    said, gold, summary = (world[name] for name in ("sealed_predictions", "gold", "training_summary"))
    return nodes.decide_promotion(
        nodes.gather_training(**{name: world[name] for name in TRAINED}),
        measures,
        follow_champion(world["incumbent"], gold, world["neutral_outcomes"], market=market),
        seal_window(said, gold, world["neutral_outcomes"], summary, *enter(world), market=market),
        live_trials,
        params,
        market=market,
    )


def make_bundle(name: str, gold: pd.DataFrame, *, seed: int = 0, simulated: bool = True) -> ModelBundle:
    """A real model fitted on the labelled rows."""
    known = gold.dropna(subset=["label_5"])
    params = {"n_estimators": 20, "threads": 1} if name == "xgboost" else {}
    matrix, label = known[list(FEATURES)], known["label_5"].to_numpy(float)
    model = create_model(name, params).fit(matrix, label, seed=seed)
    score = model.predict_score(matrix)
    calibrator = PlattCalibrator().fit(score, label)
    return ModelBundle(
        market="equity",
        name=name,
        horizon=HORIZON,
        feature_set=FEATURE_SET,
        model=model,
        calibrator=calibrator,
        **make_limits(matrix, label, calibrator.transform(score)),
        profile=build_profile(matrix, label, calibrator.transform(score)),
        origin=make_origin(
            source="simulated" if simulated else "own",
            source_id=f"simulated-{seed}" if simulated else "own-1",
            simulated=simulated,
            seed=seed,
            n_rows=len(known),
            trained_from=str(known["ts"].min()),
            trained_to=str(known["ts"].max()),
            params=model.params,
        ),
    )


def make_oos(
    gold: pd.DataFrame, times: np.ndarray, rng: np.random.Generator, steep: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Walk-forward predictions: honest scores that see the planted feature through noise."""
    start, n_folds, gap = int(len(times) * 0.4), 4, HORIZON + LAG + 5
    edges = np.linspace(start, len(times) - HORIZON - LAG - 1, n_folds + 1).astype(int)
    stamps = pd.DatetimeIndex(times)
    stamps = stamps if stamps.tz is not None else stamps.tz_localize("UTC")
    parts, rows = [], []
    for fold in range(n_folds):
        first, last = edges[fold], edges[fold + 1] - 1
        test = gold[(gold["ts"] >= stamps[first]) & (gold["ts"] <= stamps[last])]
        rows.append(
            {
                "fold": fold + 1,
                "train_start": stamps[0],
                "train_end": stamps[first - gap - 1],
                "label_end_max": stamps[first - gap + 5],
                "purge_bars": 6,
                "embargo_bars": 5,
                "test_start": stamps[first],
                "test_end": stamps[last],
                "n_train": 40 * (first - gap),
                "n_test": len(test),
                "n_purged": 40 * gap,
                "sealed": fold + 1 == n_folds,
            }
        )
        for model, kind, weight in (
            ("base_rate", "naive", None),
            ("reversal", "naive", 0.0),
            ("logistic", "candidate", 1.0),
            ("xgboost", "candidate", 0.7),
        ):
            if weight is None:
                score = np.full(len(test), 0.49)
            else:
                noise = rng.standard_normal(len(test))
                score = 1.0 / (1.0 + np.exp(-steep * (weight * test[FEATURES[0]].to_numpy() + (1.0 - weight) * noise)))
            parts.append(
                test[["ts", "instrument"]].assign(
                    fold=fold + 1,
                    model=model,
                    kind=kind,
                    score=score,
                    probability=score,
                    label=test["label_5"],
                    forward_return=test["forward_return_5"],
                    label_end=test["label_end_5"],
                )
            )
    return pd.concat(parts, ignore_index=True), pd.DataFrame(rows)


def make_trials(rng: np.random.Generator) -> pd.DataFrame:
    """A short search."""
    rows = [
        {
            "trial": k,
            "model": model,
            "objective": "log_loss",
            "value": float(rng.normal(0.69, 0.001)),
            "duration_s": 0.5,
            "state": "complete",
            "params": f'{{"C": {0.1 + k}}}',
        }
        for model in ("logistic", "xgboost")
        for k in range(4)
    ]
    return pd.DataFrame(rows)


def make_leak_meter(accuracy: float = 0.515, auc: float = 0.522) -> pd.DataFrame:
    """What the leak meter found."""
    rows = [
        {"model": model, "split": split, "accuracy": a + extra, "auc": b + extra, "n": 10_000}
        for model, extra in (("logistic", 0.0), ("xgboost", 0.004))
        for split, a, b in (("random_rows", 0.66, 0.72), ("purged", accuracy, auc))
    ]
    return pd.DataFrame(rows)
