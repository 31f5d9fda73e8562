"""The report: what a portfolio manager asks first, then the evidence."""

from __future__ import annotations

import pandas as pd

from finq_predictor.adapters.tracking import RunIdentity
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Decision, Verdict
from finq_predictor.reports.evaluation.results import EvaluationResults
from finq_predictor.reports.evaluation.sections import (
    Texts,
    calibration_section,
    checks_section,
    data_section,
    earnings_section,
    everything_section,
    inside_section,
    leaks_section,
    risk_section,
    skill_section,
    steadiness_section,
)
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.figures import Pictures
from finq_predictor.reports.formatting import (
    interval_text,
    measures_of,
    metric_of,
    moment,
    number,
    percent,
    signed,
    tone,
)
from finq_predictor.reports.page import Card, Image, ReportContent, render_report

# Pictures are drawn at 150 dots per inch and shown at 80.
SCALE = 0.533
VERDICTS = {
    Verdict.PROMOTE: ("good", "Yes, within its limits: the model is promoted."),
    Verdict.PROVISIONAL: ("warn", "No: the model is provisional."),
}
CAPTIONS = {
    "calibration": "Observed frequency against predicted probability, with the number of predictions below",
    "pnl": "Cumulative profit before and after costs, with the fall from the last high below",
    "skill": "Rolling mean of the daily skill",
    "gap": "Training, gap and test of every fold, and one gap enlarged",
    "importance": "Share of importance of the most used features",
    "confusion": "Calls against outcomes",
    "leak_meter": "Accuracy and AUC under a leaking and an honest split",
    "deciles": "Mean forward return by decile of the probability",
}


def evaluation_page(
    results: EvaluationResults,
    champion: ModelBundle,
    tracked_run: RunIdentity | None,
    plot_images: Pictures,
) -> str:
    """The report of one market.

    Args:
        results: What was found.
        champion: The model in use now.
        tracked_run: The run of the model that is decided about; None if it is not tracked.
        plot_images: The pictures.

    Returns:
        One self-contained HTML page. Every section carries run id, data hash, code hash and seed.
    """
    market, terms, promotion, name, bundle = (
        results.market,
        results.terms,
        results.promotion,
        results.candidate,
        results.bundle,
    )
    trained, measures = results.trained, results.measures
    metrics, backtest_summary, provenance = measures.metrics, measures.backtest_summary, trained.provenance
    tone, verdict = _verdict(promotion, champion)
    text = Texts(market, bundle, terms, trained.oos_predictions, trained.trials)
    content = ReportContent(
        title=f"{market.title}: can the predictions be used?",
        question=market.ask("an instrument", bundle.horizon),
        simulated=provenance.simulated,
        tone=tone,
        verdict=verdict,
        reason=promotion.reason,
        cards=_cards(name, metrics, backtest_summary, promotion, terms),
        sections=[
            checks_section(promotion),
            skill_section(metrics, promotion, text),
            earnings_section(backtest_summary, promotion, text),
            risk_section(measures.backtest, backtest_summary, name, terms),
            data_section(provenance, bundle, market),
            leaks_section(trained.leak_meter, promotion, name),
            calibration_section(metrics, name),
            steadiness_section(measures.metrics_by_fold, trained.folds, name),
            inside_section(bundle, champion),
            everything_section(metrics, backtest_summary, promotion, terms),
        ],
        images={picture.name: Image.from_png(picture.png, SCALE) for picture in plot_images},
        captions=CAPTIONS,
        lineage=_lineage(bundle, tracked_run, terms),
        command=_command(market, bundle, provenance, terms),
        as_of=moment(provenance.last_ts),
    )
    return render_report(content)


def _verdict(promotion: Decision, champion: ModelBundle) -> tuple[str, str]:
    if promotion.decision in VERDICTS:
        return VERDICTS[promotion.decision]
    serving = f"{champion.version} ({champion.name})"
    if champion.status is ModelStatus.PROMOTED:
        return "good", f"Version {serving} stays in use; today's candidate does not replace it."
    return "warn", f"No: version {serving} is still provisional."


def _skill_card(name: str, metrics: pd.DataFrame, best_naive: str, terms: EvaluationTerms) -> Card:
    """What the promotion is judged by, in the metric of that kind which people know."""
    if terms.promotion.skill == "rank_ic":
        rank, naive = metric_of(metrics, name, "rank_ic"), metric_of(metrics, best_naive, "rank_ic")
        text = f"95 % interval {interval_text(rank, 3)}; best naive rule ({best_naive}) {signed(naive['value'])}"
        return Card("Rank correlation with outcome", signed(rank["value"]), text, tone(rank["ci_low"]))
    gain, naive = metric_of(metrics, name, "brier_skill"), metric_of(metrics, best_naive, "brier_skill")
    bounds = f"{100 * gain['ci_low']:+.2f} % to {100 * gain['ci_high']:+.2f} %"
    text = f"95 % interval {bounds}; best naive rule ({best_naive}) {100 * naive['value']:+.2f} %"
    return Card("Brier skill over the base rate", f"{100 * gain['value']:+.2f} %", text, tone(gain["ci_low"]))


def _cards(
    name: str,
    metrics: pd.DataFrame,
    summary: pd.DataFrame,
    promotion: Decision,
    terms: EvaluationTerms,
) -> list[Card]:
    skill = metric_of(metrics, name, "auc")
    net = measures_of(summary, name, terms.gate_strategy, "net")
    gross = measures_of(summary, name, terms.gate_strategy, "gross")
    ece = metric_of(metrics, name, "ece")
    return [
        _skill_card(name, metrics, promotion.best_naive, terms),
        Card(
            "AUC (0.5 is a coin)",
            f"{skill['value']:.3f}",
            f"95 % interval {interval_text(skill, 3)}",
            tone(skill["ci_low"] - 0.5),
        ),
        Card(
            "Return per year after costs",
            percent(net["annualised_return"], sign=True),
            f"before costs {percent(gross['annualised_return'], sign=True)}; paper, long-short"
            if terms.gate_strategy == "quantile"
            else f"before costs {percent(gross['annualised_return'], sign=True)}; paper, threshold",
            tone(net["annualised_return"], both=True),
        ),
        Card(
            "Sharpe ratio after costs",
            number(net["sharpe"], 2),
            f"deflated: {percent(net['deflated_sharpe'])} chance of real skill",
            tone(net["sharpe"], both=True),
        ),
        Card(
            "Largest fall after costs",
            percent(net["max_drawdown"]),
            f"of capital, at {percent(net['annualised_volatility'])} volatility a year",
        ),
        Card(
            "Calibration error",
            f"{100 * ece['value']:.1f} points",
            f"limit {100 * terms.promotion.max_ece:.1f}: a stated 60 % should happen 60 % of the time",
            "good" if ece["value"] <= terms.promotion.max_ece else "bad",
        ),
    ]


def _lineage(bundle: ModelBundle, run: RunIdentity | None, terms: EvaluationTerms) -> dict[str, str]:
    origin = bundle.origin
    return {
        "run": f"{run.run_name} ({run.run_id})" if run else "untracked",
        "data": origin.data_hash[:16],
        "features": origin.feature_set_hash[:16],
        "code": origin.code_hash[:16],
        "commit": str(origin.git_commit)[:12],
        "seed": f"{origin.seed} (training), {terms.seed} (resampling)",
    }


def _command(market: Market, bundle: ModelBundle, provenance: Provenance, terms: EvaluationTerms) -> str:
    commit = bundle.origin.git_commit
    checkout = f"git checkout {commit[:12]}\n" if commit else ""
    # The base configuration names the simulator's knobs; an overlay for other data names its own environment.
    if provenance.simulated or "--env" in terms.command:
        return f"{checkout}{terms.command or f'kedro run --pipelines={market.name}'}"
    given = ",".join(f"{market.file_parameter(table)}=FILE" for table in market.required_tables)
    files = "# the files whose hashes are shown above"
    return f'{checkout}kedro run --env own --pipelines={market.name} --params "{given}"   {files}'
