"""What is tracked about each candidate, and what the registry needs to carry a decision out."""

from __future__ import annotations

from typing import Any

from finq_predictor.adapters.registration import Registration
from finq_predictor.adapters.tracking import Attachment, TrackedRun, TrackedRuns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.pipelines.evaluation.champion import Followed
from finq_predictor.pipelines.evaluation.recording import candidate_figures, champion_figures
from finq_predictor.reports.evaluation.reading import net_worth
from finq_predictor.reports.evaluation.results import ALONE, Circumstances, EvaluationResults
from finq_predictor.reports.figures import Pictures

EVIDENCE = [TS, INSTRUMENT, "score", "probability", "label", "forward_return", "label_end"]


def prepare_runs(results: EvaluationResults, plot_images: Pictures) -> list[TrackedRun]:
    """Put together what is tracked about each candidate; a picture of one model goes to the run of that model only."""
    market, trained, promotion = results.market, results.trained, results.promotion
    return [
        TrackedRun(
            model=name,
            params=_run_params(bundle, results),
            metrics=_run_metrics(name, results),
            tags=lineage_tags(bundle)
            | {"market": market.name, "decision": promotion.about(name).value}
            | ({"why_trained": results.invocation.why_trained[:4000]} if results.invocation.why_trained else {}),
            artifacts={
                "importance.json": bundle.model.importance() or {},
                "model_config.json": {"params": bundle.model.params, "features": list(bundle.feature_set.names)},
                "environment.json": dict(bundle.origin.packages),
                "promotion.json": promotion,
                "gap_table.csv": trained.folds,
                **{f"plots/{one.name}.png": one.png for one in plot_images if one.model in (None, name)},
            },
            trials=trained.trials[trained.trials["model"] == name],
            identity=_identity(name, bundle, results),
        )
        for name, bundle in sorted(trained.candidates.items())
        if bundle.model.kind is ModelKind.CANDIDATE
    ]


def prepare_registration(
    results: EvaluationResults, tracked_run: TrackedRuns, followed: Followed | None = None
) -> Registration:
    """Put together what the registry needs to carry the decision out and the log to tell of it.

    Args:
        results: What was found.
        tracked_run: Where each candidate is tracked.
        followed: How the champion has done since it was trained.
    """
    name, bundle = results.candidate, results.bundle
    oos = results.trained.oos_predictions
    rows = oos[oos["model"] == name]
    return Registration(
        decision=results.promotion,
        bundle=bundle,
        oos=rows[[column for column in EVIDENCE if column in rows]],
        importance=bundle.model.importance() or {},
        tags=lineage_tags(bundle) | {"model": name, "model_hash": model_hash(bundle), "market": bundle.market},
        run_id=tracked_run.of(name).run_id,
        asked=results.invocation,
        figures=candidate_figures(results),
        champion_figures={} if followed is None else champion_figures(followed, results),
    )


def prepare_attachment(report: str, tracked_run: TrackedRuns, circumstances: Circumstances = ALONE) -> Attachment:
    """Put the report beside the runs it is about, and name the snapshot that holds what it is about."""
    tags = {"snapshot": circumstances.snapshot} if circumstances.snapshot else {}
    return Attachment(tuple(run.run_id for run in tracked_run.root.values()), {"report.html": report}, tags)


def lineage_tags(bundle: ModelBundle) -> dict[str, str]:
    """What every run and version carries about its origin, as text."""
    names = ("source", "source_id", "simulated", "data_hash", "feature_set_hash", "code_hash", "git_commit", "seed")
    origin = {name: getattr(bundle.origin, name) for name in names}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in origin.items()}


def _identity(name: str, bundle: ModelBundle, results: EvaluationResults) -> str:
    """Equal where the same model was measured in the same way, whenever and whatever was decided about it."""
    measured = {measure: repr(value) for measure, value in _run_metrics(name, results).items()}
    return hash_content([model_hash(bundle), lineage_tags(bundle), measured])


def _run_params(bundle: ModelBundle, results: EvaluationResults) -> dict[str, Any]:
    origin = {name: getattr(bundle.origin, name) for name in ("seed", "n_rows", "trained_from", "trained_to")}
    chosen = {f"model.{name}": value for name, value in bundle.model.params.items()}
    return {
        "model": bundle.name,
        "horizon": bundle.horizon,
        "n_features": len(bundle.feature_set.names),
        **origin,
        **chosen,
        "backtest": results.terms.backtest.__dict__,
    }


def _run_metrics(name: str, results: EvaluationResults) -> dict[str, float]:
    metrics, summary = results.measures.metrics, results.measures.backtest_summary
    found: dict[str, float] = {}
    for row in metrics[metrics["model"] == name].itertuples():
        found |= {row.metric: row.value, f"{row.metric}.ci_low": row.ci_low, f"{row.metric}.ci_high": row.ci_high}
    found |= {f"naive.{row.metric}": row.value for row in metrics[metrics["model"] == results.best_naive].itertuples()}
    for row in summary[summary["model"] == name].itertuples():
        found |= {f"{row.strategy}.{row.measure}.net": row.net, f"{row.strategy}.{row.measure}.gross": row.gross}
    return found | {f"worth.{measure}": value for measure, value in net_worth(results, name).figures.items()}
