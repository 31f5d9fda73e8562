"""The sections of the report: a question, an answer in words, and the evidence."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.formatting import (
    MEASURES,
    METRICS,
    day,
    format_measure,
    format_metric,
    measures_of,
    metric_of,
    minute,
    moment,
    net_gross,
    number,
    percent,
    setting,
    with_interval,
    yes_no,
)
from finq_predictor.reports.page import Section, Table

SHORT = ("rank_ic", "auc", "accuracy", "mcc", "brier_skill", "ece")
STRATEGIES = {
    "quantile": "Long-short: best against worst",
    "threshold": "Threshold: act on confident calls only",
}
CHECKS = {
    "enough_days": "Enough unseen days",
    "has_skill": "Has skill at all",
    "beats_naive": "Beats the best naive rule",
    "leak_alarm": "No sign of a leak",
    "calibration": "Calibrated",
    "brier_skill": "Probabilities add value",
    "net_sharpe": "Earns after costs",
    "net_drawdown": "Bearable fall",
    "beats_champion": "Beats the champion",
    "importance": "Uses the features like the champion",
    "user_accuracy": "Your wish: accuracy",
    "user_auc": "Your wish: AUC",
    "user_precision": "Your wish: precision",
}


class Texts:
    """Sentences that several sections share."""

    def __init__(
        self, market: Market, bundle: ModelBundle, terms: EvaluationTerms, oos: pd.DataFrame, trials: pd.DataFrame
    ) -> None:
        rules = terms.backtest
        rows = oos[oos["model"] == bundle.name]
        bars = market.span(bundle.horizon)
        self.tested = (
            f"{len(rows):,} predictions for {rows['instrument'].nunique()} instruments from "
            f"{rows['ts'].min():%d %B %Y} to "
            f"{rows['ts'].max():%d %B %Y}, each made by a model that had not seen that time."
        )
        paid = "half the quoted spread" if rules.use_quotes and rules.execution == "open" else f"{rules.cost_bp:g} bp"
        fallback = f" ({rules.cost_bp:g} bp where there are no quotes)" if rules.execution == "open" else ""
        masked = (
            f" No position is opened at {', '.join(map(str, rules.masked_hours_utc))} h UTC."
            if rules.masked_hours_utc
            else ""
        )
        self.trading = (
            f"Decided at the close of a bar, traded at the {rules.execution} of the next, held {bars}. Long-short "
            "buys the top "
            f"{100 * rules.quantile:.0f} % and sells the bottom {100 * rules.quantile:.0f} % with a gross exposure "
            "of 1; every traded side "
            f"pays {paid}{fallback} plus {rules.slippage_bp:g} bp slippage.{masked} Returns are summed on constant "
            "capital. Costs of "
            "borrowing, taxes and market impact are not included."
        )
        self.trials = (
            f"The Sharpe ratio is deflated for all {len(trials)} search trials and "
            f"{oos.loc[oos['kind'] == 'candidate', 'model'].nunique()} candidates"
            + (f" and {terms.extra_trials} trials made elsewhere." if terms.extra_trials else ".")
        )


def checks_section(promotion: Decision) -> Section:
    """Every check of the decision, gates first."""
    checks = promotion.checks
    rows = [
        [
            CHECKS.get(check.name, check.name),
            "yes" if check.passed else "no",
            "gate" if check.gating else "reported",
            check.detail,
        ]
        for check in checks
    ]
    order = sorted(range(len(rows)), key=lambda index: not checks[index].gating)
    others = [[name, " ".join(details) or "passed, but ranks lower"] for name, details in promotion.others.items()]
    tables = {"Other candidates": Table(["Model", "Failed because"], others, text_columns=(0, 1))} if others else {}
    return Section(
        "checks",
        "Why this decision?",
        ["A model is promoted only if every gate says yes."],
        {
            "Checks": Table(
                ["Check", "Passed", "Role", "What was found"],
                [rows[i] for i in order],
                text_columns=(0, 1, 2, 3),
                muted=[place for place, i in enumerate(order) if not checks[i].gating],
            )
        }
        | tables,
    )


def skill_section(metrics: pd.DataFrame, promotion: Decision, text: Texts) -> Section:
    """Metrics of all models side by side."""
    return Section(
        "skill",
        "How good is it, beside naive rules?",
        [
            text.tested,
            "Below each figure stands its 95 % interval, from resampling whole days in blocks. A model whose "
            "interval includes the naive value has not "
            "shown that it knows more.",
        ],
        {"Out of sample": _metric_table(metrics, promotion, SHORT)},
        figures=("skill", "deciles"),
    )


def _metric_table(metrics: pd.DataFrame, promotion: Decision, names: Sequence[str]) -> Table:
    kinds = metrics.drop_duplicates("model").set_index("model")["kind"]
    naive = kinds == ModelKind.NAIVE
    models = sorted(kinds.index, key=lambda model: (model != promotion.candidate, naive[model], model))
    rows = [
        [f"{model} (naive)" if naive[model] else model]
        + [with_interval(metric_of(metrics, model, metric), metric) for metric in names]
        for model in models
    ]
    return Table(
        ["Model", *(METRICS[metric] for metric in names)],
        rows,
        muted=[index for index, model in enumerate(models) if naive[model]],
        strong=[0],
    )


def earnings_section(summary: pd.DataFrame, promotion: Decision, text: Texts) -> Section:
    """The paper portfolios of all models."""
    return Section(
        "earnings",
        "What would it have earned after costs?",
        [text.trading, text.trials],
        {"On paper, after costs (small: before costs)": _trade_table(summary, promotion)},
        figures=("pnl",),
    )


def _trade_table(summary: pd.DataFrame, promotion: Decision) -> Table:
    shown = ("annualised_return", "sharpe", "deflated_sharpe", "max_drawdown", "hit_rate", "turnover_per_day")
    models = sorted(
        summary["model"].unique(),
        key=lambda model: (
            model not in (promotion.candidate, promotion.best_naive),
            model != promotion.candidate,
            model,
        ),
    )
    rows: list[list[str]] = []
    strong: list[int] = []
    for strategy, title in STRATEGIES.items():
        for model in models:
            net, gross = measures_of(summary, model, strategy, "net"), measures_of(summary, model, strategy, "gross")
            if not net or net["days_with_position"] == 0:
                continue
            if model == promotion.candidate:
                strong.append(len(rows))
            rows.append([title, model, *(net_gross(measure, net, gross) for measure in shown)])
    heads = ["Return per year", "Sharpe", "Deflated", "Largest fall", "Days with gain", "Traded per day"]
    return Table(["Strategy", "Model", *heads], rows, strong=strong, text_columns=(0, 1))


def risk_section(backtest: pd.DataFrame, summary: pd.DataFrame, name: str, terms: EvaluationTerms) -> Section:
    """Losses to be ready for, and the targets of the user."""
    rows = backtest[(backtest["model"] == name) & (backtest["strategy"] == terms.gate_strategy)]
    net = measures_of(summary, name, terms.gate_strategy, "net")
    daily = rows.set_index("ts")["net_return"]
    weekly = daily.resample("W").sum()
    last = daily.tail(terms.target_profit_days).sum()
    worst = [
        ["Worst day", percent(daily.min(), sign=True), f"{daily.idxmin():%d %B %Y}"],
        ["Worst week", percent(weekly.min(), sign=True), f"week to {weekly.idxmin():%d %B %Y}"],
        [
            "Day that is worse only once in 20 (VaR 95 %)",
            percent(daily.quantile(0.05), sign=True),
            "from the days of the test",
        ],
        [
            "Average of those days (CVaR 95 %)",
            percent(daily[daily <= daily.quantile(0.05)].mean(), sign=True),
            "from the days of the test",
        ],
        ["Volatility per year", percent(net["annualised_volatility"]), ""],
    ]
    wishes = [
        [
            "Sharpe ratio",
            f"more than {terms.target_sharpe:g}",
            number(net["sharpe"], 2),
            yes_no(net["sharpe"] > terms.target_sharpe),
        ],
        [
            "Largest fall",
            f"less than {percent(terms.target_drawdown)}",
            percent(net["max_drawdown"]),
            yes_no(net["max_drawdown"] < terms.target_drawdown),
        ],
        [
            f"Profit of the last {terms.target_profit_days} days",
            "more than 0 %",
            percent(last, sign=True),
            yes_no(last > 0.0),
        ],
    ]
    return Section(
        "risk",
        "How risky is it?",
        [
            f"After costs, {STRATEGIES[terms.gate_strategy].lower()}, in percent of constant capital. Your "
            "targets are reported, never tuned to."
        ],
        {
            "Losses to be ready for": Table(["", "Value", "When"], worst, text_columns=(0, 2)),
            "Your targets": Table(["", "Target", "Found", "Met"], wishes, text_columns=(0, 3)),
        },
    )


def data_section(provenance: Provenance, bundle: ModelBundle, market: Market) -> Section:
    """Where the data came from."""
    counts = ", ".join(f"{count:,} {table}" for table, count in sorted(provenance.rows.items()))
    hashes = [[table, ", ".join(hashes)] for table, hashes in sorted(provenance.content_hashes.items())]
    source = (
        "the embedded market simulator (made-up data with a known truth)" if provenance.simulated else provenance.source
    )
    tables = (
        {"Content hashes": Table(["Table", "SHA-256 of what was received"], hashes, text_columns=(0, 1))}
        if hashes
        else {}
    )
    return Section(
        "data",
        "What data is it?",
        [
            f"Source: {source}, id {provenance.source_id}. {provenance.instruments} instruments from "
            f"{moment(provenance.first_ts)} to "
            f"{moment(provenance.last_ts)}{'; rows: ' + counts if counts else ''}. The final model was trained on "
            f"{bundle.origin.n_rows:,} rows with {len(bundle.feature_set.names)} features.",
            market.instruments.survivorship,
        ],
        tables,
    )


def leaks_section(meter: pd.DataFrame, promotion: Decision, name: str) -> Section:
    """What the leak meter says."""
    rows = meter[meter["model"] == name].set_index("split")
    said = next(check.detail for check in promotion.checks if check.name == "leak_alarm")
    text = [said]
    if {"random_rows", "purged"} <= set(rows.index):
        apart = 100 * (rows.loc["random_rows", "accuracy"] - rows.loc["purged", "accuracy"])
        text.append(
            "The same model, judged on randomly chosen rows, would claim an accuracy of "
            f"{100 * rows.loc['random_rows', 'accuracy']:.1f} % "
            f"instead of {100 * rows.loc['purged', 'accuracy']:.1f} %. These {apart:+.1f} points are not skill: "
            "neighbouring days share their "
            "outcome, and a random split lets the model see it. Distrust figures from such splits, whoever shows them."
        )
    return Section("leaks", "Is it too good to be true?", text, figures=("leak_meter",))


def calibration_section(metrics: pd.DataFrame, name: str) -> Section:
    """Whether probabilities can be taken at their word."""
    ece, skill = metric_of(metrics, name, "ece"), metric_of(metrics, name, "brier_skill")
    return Section(
        "calibration",
        "Can the probabilities be trusted?",
        [
            f"On average a stated probability misses the observed frequency by {100 * ece['value']:.1f} points. "
            "Compared with always "
            f"quoting the base rate the squared error is {abs(100 * skill['value']):.2f} % "
            f"{'smaller' if skill['value'] >= 0 else 'larger'}. "
            "In an honest market probabilities stay close to 50 %: a narrow range is not a fault."
        ],
        figures=("calibration", "confusion"),
    )


def steadiness_section(by_fold: pd.DataFrame, folds: pd.DataFrame, name: str) -> Section:
    """Results by fold, and the gap arithmetic."""
    mine = by_fold[by_fold["model"] == name].pivot(index="fold", columns="metric", values="value")
    shown = [metric for metric in SHORT if metric in mine]
    results = [
        [str(fold), *(format_metric(value, metric) for metric, value in row.items())]
        for fold, row in mine[shown].iterrows()
    ]
    gaps = [
        [
            str(fold.fold),
            day(fold.train_start),
            day(fold.train_end),
            minute(fold.label_end_max),
            f"{fold.purge_bars} + {fold.embargo_bars}",
            day(fold.test_start),
            day(fold.test_end),
            f"{fold.n_train:,}",
            f"{fold.n_purged:,}",
            f"{fold.n_test:,}",
        ]
        for fold in folds.itertuples()
    ]
    heads = [
        "Fold",
        "Train from",
        "to",
        "Last training label known",
        "Purge + embargo, bars",
        "Test from",
        "to",
        "Train rows",
        "Purged",
        "Test rows",
    ]
    return Section(
        "steadiness",
        "Was it steady, and was the test fair?",
        [
            "Each fold trains on the past only. Rows whose outcome was not yet known when the test begins are "
            "purged, and an embargo "
            "follows; a gap that is shorter than the outcome takes to be known stops the run."
        ],
        {
            f"{name}, fold by fold": Table(["Fold", *(METRICS[metric] for metric in shown)], results),
            "Gap arithmetic": Table(heads, gaps),
        },
        figures=("gap",),
    )


def inside_section(bundle: ModelBundle, champion: ModelBundle) -> Section:
    """What the model uses."""
    settings = ", ".join(f"{key} = {setting(value)}" for key, value in sorted(bundle.model.params.items())) or "none"
    return Section(
        "inside",
        "What does the model look at?",
        [
            f"Model {bundle.name}, settings: {settings}. In use now: version {champion.version} "
            f"({champion.name}, "
            f"{champion.status}).",
            "Importance says what the model uses, not what moves prices.",
        ],
        figures=("importance",),
    )


def everything_section(
    metrics: pd.DataFrame, summary: pd.DataFrame, promotion: Decision, terms: EvaluationTerms
) -> Section:
    """All other figures and the rules, folded away."""
    rest = [metric for metric in METRICS if metric not in SHORT and metric in set(metrics["metric"])]
    tables = {"Further metrics": _metric_table(metrics, promotion, rest)}
    for strategy, title in STRATEGIES.items():
        net = measures_of(summary, promotion.candidate, strategy, "net")
        gross = measures_of(summary, promotion.candidate, strategy, "gross")
        if net:
            rows = [
                [MEASURES[key], format_measure(key, net[key]), format_measure(key, gross[key])]
                for key in MEASURES
                if key in net
            ]
            tables[f"{promotion.candidate}, {title.lower()}"] = Table(["Measure", "After costs", "Before costs"], rows)
    limits = [
        [key, str(value)] for key, value in sorted({**terms.promotion.__dict__, **terms.backtest.__dict__}.items())
    ]
    tables["Limits and rules used"] = Table(["Parameter", "Value"], limits)
    return Section("everything", "All figures and rules", tables=tables, folded=True)
