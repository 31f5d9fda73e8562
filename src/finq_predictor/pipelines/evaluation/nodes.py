"""Nodes of the evaluation pipeline: measure, trade on paper, judge, register, predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import pandas as pd

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.tracking import TrackedRuns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.live_trials import ExperimentReport
from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.paper_book import TradingTerms
from finq_predictor.domain.evaluation.positions import strategy_for
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.evaluation.survivorship import SurvivorshipBill, bill_survivorship
from finq_predictor.domain.evaluation.trial_ledger import (
    TrialLedger,
)
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.modelling.prediction import predict_rows
from finq_predictor.domain.promotion.decision import (
    Decision,
    Evidence,
    NaiveRule,
    Sealed,
    Setting,
    decide,
)
from finq_predictor.domain.promotion.running_cost import RunningCosts
from finq_predictor.domain.tables import PREDICTIONS
from finq_predictor.pipelines.evaluation.champion import Followed, record_of
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.sealed import SealedWindow
from finq_predictor.pipelines.evaluation.trials import count_judged
from finq_predictor.reports.evaluation.model_pictures import MODEL_PICTURES
from finq_predictor.reports.evaluation.page import evaluation_page
from finq_predictor.reports.evaluation.pictures import OF_ONE_MODEL, draw_pictures
from finq_predictor.reports.evaluation.results import (
    ALONE,
    Circumstances,
    EvaluationResults,
    Measures,
    ModelStudy,
    TrainedModels,
    Worth,
)
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.figures import Figure, Picture, Pictures, to_png


def gather_training(
    candidates: Mapping[str, ModelBundle],
    oos_predictions: pd.DataFrame,
    folds: pd.DataFrame,
    trials: pd.DataFrame,
    leak_meter: pd.DataFrame,
    provenance: Provenance,
) -> TrainedModels:
    """Put the candidates beside all that was written down while they were trained."""
    return TrainedModels(candidates, oos_predictions, folds, trials, leak_meter, provenance)


def gather_measures(
    metrics: pd.DataFrame,
    metrics_by_fold: pd.DataFrame,
    daily_skill: pd.DataFrame,
    backtest: pd.DataFrame,
    backtest_summary: pd.DataFrame,
    running_costs: RunningCosts = RunningCosts(),  # noqa: B008 - it is never changed
) -> Measures:
    """Put all that was measured side by side."""
    return Measures(metrics, metrics_by_fold, daily_skill, backtest, backtest_summary, running_costs)


def decide_promotion(
    trained_models: TrainedModels,
    measures: Measures,
    followed: Followed,
    sealed_window: SealedWindow,
    live_trials: ExperimentReport | None,
    params: EvaluationParams,
    *,
    market: Market,
) -> tuple[Decision, TrialLedger]:
    """Judge the candidates against the naive baselines, the limits, the champion, and at last the sealed window.

    What a candidate did live beside the champion in use counts as well; None where nothing was ever tried.

    Returns:
        The decision with all its checks, and the ledger with the opening of the sealed window if there was one.

    Raises:
        DataError: If there are predictions of a candidate that is not among the fitted ones.
    """
    metrics = measures.metrics
    skill = measures.daily_skill.set_index(TS)
    kinds = metrics.drop_duplicates("model").set_index("model")["kind"]
    judged = sorted(kinds.index[kinds == ModelKind.CANDIDATE])
    if absent := sorted(set(judged) - set(trained_models.candidates)):
        raise DataError(
            f"There are predictions of {', '.join(absent)}, but no such fitted candidate "
            f"(found {sorted(trained_models.candidates)}); "
            f"run the whole training: kedro run --pipelines=training --namespaces=training.{market.name}"
        )
    strategy = gate_strategy(trained_models.oos_predictions, params)
    net = _daily_net(measures.backtest, strategy)
    evidence = [_evidence(name, trained_models, measures, skill[name], net, strategy) for name in judged]
    evidence = beside_champion(evidence, live_trials, followed, simulated=trained_models.provenance.simulated)
    naive = {
        str(name): NaiveRule(skill[name], net.get(name, pd.Series(dtype=float)))
        for name in kinds.index[kinds == ModelKind.NAIVE]
    }
    window, rules = sealed_window, params.promotion
    decision = decide(
        market.name,
        evidence,
        naive,
        followed.incumbent,
        record_of(followed, rules.skill, market),
        Sealed(window.days, lambda model, reason: window.open(model, reason, rules), params.open_final),
        trained_models.provenance,
        Setting(
            label_days(window.summary.horizon, market),
            count_judged(window.judged, window.tried, params),
            followed.refused(one.model_hash for one in evidence),
        ),
        rules,
    )
    decision = replace(decision, log_head=followed.log.head, at=window.judged.at)
    return decision, window.noted(decision.opening)


def beside_champion(
    evidence: Sequence[Evidence], live_trials: ExperimentReport | None, followed: Followed, *, simulated: bool
) -> list[Evidence]:
    """Give each candidate what it did live beside the champion in use; a made-up market tells nothing of a real one."""
    champion = followed.incumbent
    if live_trials is None or champion is None or champion.simulated != simulated:
        return [*evidence]
    holder = (champion.model, champion.version)
    return [replace(one, live=live_trials.about(one.model_hash, holder)) for one in evidence]


def gate_strategy(oos_predictions: pd.DataFrame, params: EvaluationParams) -> str:
    """The strategy whose net result the gate looks at."""
    if params.gate_strategy != "auto":
        return params.gate_strategy
    return strategy_for(oos_predictions, params.backtest)


def agree_trading_terms(oos_predictions: pd.DataFrame, params: EvaluationParams) -> TradingTerms:
    """Say by which terms a champion is judged, so that whoever follows it later trades by the same."""
    return TradingTerms(gate_strategy(oos_predictions, params), params.backtest, params.abstention)


def assemble_results(
    trained_models: TrainedModels,
    measures: Measures,
    promotion: Decision,
    worth: Worth,
    invocation: Invocation,
    params: EvaluationParams,
    *,
    market: Market,
) -> EvaluationResults:
    """Put together all that pictures, tracking and the report are about."""
    oos = trained_models.oos_predictions
    terms = evaluation_terms(params, gate_strategy(oos, params), promotion.judged)
    return EvaluationResults(market, trained_models, measures, promotion, terms, invocation, worth)


def draw_plots(results: EvaluationResults, studied_models: ModelStudy = ALONE.models) -> dict[str, Figure | Pictures]:
    """Draw every picture once.

    Args:
        results: What was found.
        studied_models: What the models say, beyond the mean of the whole test.

    Returns:
        ``plot_<name>`` -> matplotlib figure for the catalog, and ``plot_images``: the pictures for report and tracking.
    """
    figures = draw_pictures(results)
    figures |= {name: draw(studied_models, results) for name, draw in MODEL_PICTURES.items()}
    pictures = tuple(
        Picture(name, to_png(figure), results.candidate if name in OF_ONE_MODEL else None)
        for name, figure in figures.items()
    )
    return {**{f"plot_{name}": figure for name, figure in figures.items()}, "plot_images": pictures}


def bill_survivors(
    oos_predictions: pd.DataFrame,
    silver_bars: pd.DataFrame,
    promotion: Decision,
    training_summary: TrainingSummary,
    params: EvaluationParams,
    silver_benchmark: pd.DataFrame | None = None,
    silver_membership: pd.DataFrame | None = None,
    *,
    market: Market,
) -> SurvivorshipBill:
    """Say who is in the test of the model that is decided about, and what those are worth to it that did not last."""
    return bill_survivorship(
        oos_predictions[oos_predictions["model"] == promotion.candidate],
        silver_bars,
        market,
        horizon=training_summary.horizon,
        rules=params.backtest,
        strategy=gate_strategy(oos_predictions, params),
        skill=SKILLS[params.promotion.skill].plain or params.promotion.skill,
        benchmark=silver_benchmark,
        membership=silver_membership,
    )


def predict_latest(champion: ModelBundle, gold: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Let the champion decide about the last bars, by the rules that the API follows too.

    Returns:
        ``ts``, ``instrument``, ``probability``, ``prediction``, ``confidence``, ``decision``, ``reason``, the
        prediction set and the flags as
        :func:`~finq_predictor.domain.modelling.decisions.decide_rows` explains them, then ``model``, ``version``,
        ``status``, ``simulated``; sorted by time and instrument.

    Raises:
        DataError: If gold lacks a feature of the champion; says which model and what to do.
    """
    times = gold[TS].drop_duplicates().sort_values()
    recent = gold[gold[TS] >= times.iloc[-min(params.predict_bars, len(times))]]
    if absent := sorted(set(champion.feature_set.names) - set(gold.columns)):
        raise DataError(
            f"The champion {champion.name!r} version {champion.version} reads {len(absent)} "
            f"features that these data do not "
            f"have ({', '.join(absent[:5])}...). It was trained on {champion.origin.source_id}; deliver "
            f"the same inputs, or "
            "keep this market apart with --params data_root=FOLDER so that it gets a champion of its own."
        )
    decided = predict_rows(champion, recent, params.abstention).sort_values([TS, INSTRUMENT], ignore_index=True)
    return PREDICTIONS.typed(
        decided.assign(
            model=champion.name,
            version=champion.version,
            status=champion.status.value,
            simulated=champion.origin.simulated,
        )
    )


def write_report(
    results: EvaluationResults,
    champion: ModelBundle,
    tracked_run: TrackedRuns,
    plot_images: Pictures,
    circumstances: Circumstances = ALONE,
    feature_images: Pictures = (),
) -> str:
    """Write the report of one market.

    Args:
        results: What was found.
        champion: The model in use.
        tracked_run: Where each candidate is tracked.
        plot_images: The pictures.
        circumstances: What is known beside the results.
        feature_images: The pictures of the features.

    Returns:
        One self-contained HTML page.
    """
    pictures = (*plot_images, *feature_images)
    return evaluation_page(results, champion, tracked_run.get(results.candidate), pictures, circumstances)


def evaluation_terms(params: EvaluationParams, strategy: str, judged: int) -> EvaluationTerms:
    """What a reader of the report must know: parameters, the strategy they lead to, and how much was tried."""
    given = {each.name: getattr(params, each.name) for each in fields(EvaluationTerms) if each.name != "judged"}
    return EvaluationTerms(**(given | {"gate_strategy": strategy, "judged": judged}))


def _evidence(
    name: str,
    trained: TrainedModels,
    measures: Measures,
    skill: pd.Series,
    net: Mapping[str, pd.Series],
    strategy: str,
) -> Evidence:
    bundle, summary, meter = trained.candidates[name], measures.backtest_summary, trained.leak_meter
    traded = summary[(summary["model"] == name) & (summary["strategy"] == strategy)]
    metrics = measures.metrics
    values = metrics[metrics["model"] == name].set_index("metric")["value"].to_dict()
    metered = meter[(meter["model"] == name) & (meter["split"] == "purged")]
    return Evidence(
        model=name,
        model_hash=model_hash(bundle),
        skill=skill,
        metrics=values,
        backtest=traded.set_index("measure")["net"].to_dict(),
        net=net.get(name, pd.Series(dtype=float)),
        flat=bundle.is_flat,
        # Walk-forward results come from a purged split too; the higher of the two readings raises the alarm.
        purged={key: float(max([values[key], *metered[key]])) for key in ("accuracy", "auc")},
        importance=bundle.model.importance() or {},
        cost=measures.costs.of(model_hash(bundle)),
    )


def _daily_net(backtest: pd.DataFrame, strategy: str) -> dict[str, pd.Series]:
    mine = backtest[backtest["strategy"] == strategy]
    return {str(model): rows.set_index(TS)["net_return"] for model, rows in mine.groupby("model")}
