"""The node that writes the report: what a portfolio manager asks first, then the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from finq_predictor.adapters.report.page import Card, Image, ReportContent, Section, Table, render_report
from finq_predictor.domain.bundle import ModelBundle
from finq_predictor.domain.markets import Market
from finq_predictor.pipelines.evaluation.params import EvaluationParams

# Pictures are drawn at 150 dots per inch and shown at 80.
SCALE = 0.533
METRICS = {
    "rank_ic": "Rank IC", "auc": "AUC", "within_day_auc": "AUC within a day", "accuracy": "Accuracy", "precision": "Precision",
    "recall": "Recall", "f1": "F1", "mcc": "MCC", "brier": "Brier", "brier_skill": "Brier skill", "log_loss": "Log loss",
    "ece": "ECE", "ic": "IC", "icir": "IC / its deviation",
}
SHORT = ("rank_ic", "auc", "accuracy", "mcc", "brier_skill", "ece")
PERCENT = {
    "annualised_return", "annualised_volatility", "total_return", "max_drawdown", "hit_rate", "turnover_per_day", "exposure",
}
MEASURES = {
    "annualised_return": "Return per year", "annualised_volatility": "Volatility per year", "total_return": "Return, whole test",
    "sharpe": "Sharpe ratio", "deflated_sharpe": "Deflated Sharpe (probability of real skill)", "sortino": "Sortino ratio",
    "calmar": "Calmar ratio", "max_drawdown": "Largest fall from a high", "profit_factor": "Profit factor",
    "hit_rate": "Days with a gain", "turnover_per_day": "Traded per day, both sides", "exposure": "Average gross exposure",
    "days_with_position": "Days with a position",
}
STRATEGIES = {
    "quantile": "Long-short: best against worst", "threshold": "Threshold: act on confident calls only",
}
CHECKS = {
    "enough_days": "Enough unseen days", "has_skill": "Has skill at all", "beats_naive": "Beats the best naive rule",
    "leak_alarm": "No sign of a leak", "calibration": "Calibrated", "brier_skill": "Probabilities add value",
    "net_sharpe": "Earns after costs", "net_drawdown": "Bearable fall", "beats_champion": "Beats the champion",
    "importance": "Uses the features like the champion", "user_accuracy": "Your wish: accuracy", "user_auc": "Your wish: AUC",
    "user_precision": "Your wish: precision",
}
VERDICTS = {
    "promote": ("good", "Yes, within its limits: the model is promoted."),
    "provisional": ("warn", "No: the model is provisional."),
}
CAPTIONS = {
    "calibration": "Observed frequency against predicted probability, with the number of predictions below",
    "pnl": "Cumulative profit before and after costs, with the fall from the last high below",
    "rank_ic": "Rolling mean of the daily rank correlation",
    "gap": "Training, gap and test of every fold, and one gap enlarged",
    "importance": "Share of importance of the most used features",
    "confusion": "Calls against outcomes",
    "leak_meter": "Accuracy and AUC under a leaking and an honest split",
    "deciles": "Mean forward return by decile of the probability",
}


def write_report(
    metrics: pd.DataFrame,
    metrics_by_fold: pd.DataFrame,
    backtest: pd.DataFrame,
    backtest_summary: pd.DataFrame,
    promotion: Mapping[str, Any],
    champion: ModelBundle,
    candidates: Mapping[str, ModelBundle],
    folds: pd.DataFrame,
    trials: pd.DataFrame,
    leak_meter: pd.DataFrame,
    provenance: Mapping[str, Any],
    tracked_run: Mapping[str, Mapping[str, str]],
    oos_predictions: pd.DataFrame,
    plot_images: Mapping[str, bytes],
    params: EvaluationParams,
    *,
    market: Market,
) -> str:
    """Write the report of one market.

    Returns:
        One self-contained HTML page. Every section carries run id, data hash, code hash and seed.
    """
    name = str(promotion["candidate"])
    bundle = candidates[name]
    tone, verdict = _verdict(promotion, champion)
    text = _Texts(market, bundle, params, oos_predictions, trials)
    content = ReportContent(
        title=f"{market.name.upper() if market.name == 'fx' else market.name.capitalize()}: can the predictions be used?",
        question=market.question.format(instrument="an instrument", horizon=bundle.horizon),
        simulated=bool(provenance["simulated"]),
        tone=tone,
        verdict=verdict,
        reason=str(promotion["reason"]),
        cards=_cards(name, metrics, backtest_summary, promotion, params),
        sections=[
            _checks(promotion),
            _skill(metrics, promotion, text),
            _earnings(backtest_summary, promotion, text),
            _risk(backtest, backtest_summary, name, params),
            _data(provenance, bundle, market),
            _leaks(leak_meter, promotion, name),
            _calibration(metrics, name),
            _steadiness(metrics_by_fold, folds, name),
            _inside(bundle, champion),
            _everything(metrics, backtest_summary, promotion, params),
        ],
        images={key: Image.from_png(image, SCALE) for key, image in plot_images.items()},
        captions=CAPTIONS,
        lineage=_lineage(name, bundle, tracked_run, params),
        command=_command(market, bundle, provenance, params),
        as_of=_moment(provenance["last_ts"]),
    )
    return render_report(content)


class _Texts:
    """Sentences that several sections share."""

    def __init__(
        self, market: Market, bundle: ModelBundle, params: EvaluationParams, oos: pd.DataFrame, trials: pd.DataFrame
    ) -> None:
        rules, unit = params.backtest, "day" if market.bar_minutes >= 1440 else "hour"
        rows = oos[oos["model"] == bundle.name]
        bars = f"{bundle.horizon} {unit}{'' if bundle.horizon == 1 else 's'}"
        self.tested = (
            f"{len(rows):,} predictions for {rows['instrument'].nunique()} instruments from {rows['ts'].min():%d %B %Y} to "
            f"{rows['ts'].max():%d %B %Y}, each made by a model that had not seen that time."
        )
        paid = "half the quoted spread" if rules.use_quotes and rules.execution == "open" else f"{rules.cost_bp:g} bp"
        fallback = f" ({rules.cost_bp:g} bp where there are no quotes)" if rules.execution == "open" else ""
        masked = f" No position is opened at {', '.join(map(str, rules.masked_hours_utc))} h UTC." if rules.masked_hours_utc else ""
        self.trading = (
            f"Decided at the close of a bar, traded at the {rules.execution} of the next, held {bars}. Long-short buys the top "
            f"{100 * rules.quantile:.0f} % and sells the bottom {100 * rules.quantile:.0f} % with a gross exposure of 1; every traded side "
            f"pays {paid}{fallback} plus {rules.slippage_bp:g} bp slippage.{masked} Returns are summed on constant capital. Costs of "
            "borrowing, taxes and market impact are not included."
        )
        self.trials = (
            f"The Sharpe ratio is deflated for all {len(trials)} search trials and "
            f"{oos.loc[oos['kind'] == 'candidate', 'model'].nunique()} candidates"
            + (f" and {params.extra_trials} trials made elsewhere." if params.extra_trials else ".")
        )


def _verdict(promotion: Mapping[str, Any], champion: ModelBundle) -> tuple[str, str]:
    if promotion["decision"] in VERDICTS:
        return VERDICTS[str(promotion["decision"])]
    version, status = champion.metadata.get("version"), champion.metadata.get("status")
    if status == "promoted":
        return "good", f"Version {version} ({champion.name}) stays in use; today's candidate does not replace it."
    return "warn", f"No: version {version} ({champion.name}) is still provisional."


def _cards(
    name: str,
    metrics: pd.DataFrame,
    summary: pd.DataFrame,
    promotion: Mapping[str, Any],
    params: EvaluationParams,
) -> list[Card]:
    skill, rank = _metric(metrics, name, "auc"), _metric(metrics, name, "rank_ic")
    naive = _metric(metrics, str(promotion["best_naive"]), "rank_ic")
    net = _measures(summary, name, params.gate_strategy, "net")
    gross = _measures(summary, name, params.gate_strategy, "gross")
    ece = _metric(metrics, name, "ece")
    return [
        Card("Rank correlation with outcome", _signed(rank["value"]), f"95 % interval {_interval(rank, 3)}; best naive rule "
             f"({promotion['best_naive']}) {_signed(naive['value'])}", _tone(rank["ci_low"])),
        Card("AUC (0.5 is a coin)", f"{skill['value']:.3f}", f"95 % interval {_interval(skill, 3)}", _tone(skill["ci_low"] - 0.5)),
        Card("Return per year after costs", _percent(net["annualised_return"], sign=True),
             f"before costs {_percent(gross['annualised_return'], sign=True)}; paper, long-short" if params.gate_strategy == "quantile"
             else f"before costs {_percent(gross['annualised_return'], sign=True)}; paper, threshold", _tone(net["annualised_return"], both=True)),
        Card("Sharpe ratio after costs", _number(net["sharpe"], 2), f"deflated: {_percent(net['deflated_sharpe'])} chance of real skill",
             _tone(net["sharpe"], both=True)),
        Card("Largest fall after costs", _percent(net["max_drawdown"]), f"of capital, at {_percent(net['annualised_volatility'])} volatility a year"),
        Card("Calibration error", f"{100 * ece['value']:.1f} points", f"limit {100 * params.promotion.max_ece:.1f}: a stated 60 % should happen 60 % of the time",
             "good" if ece["value"] <= params.promotion.max_ece else "bad"),
    ]


def _checks(promotion: Mapping[str, Any]) -> Section:
    checks = promotion["checks"]
    rows = [
        [CHECKS.get(check["name"], check["name"]), "yes" if check["passed"] else "no", "gate" if check["gating"] else "reported", check["detail"]]
        for check in checks
    ]
    order = sorted(range(len(rows)), key=lambda index: not checks[index]["gating"])
    others = [[name, " ".join(details) or "passed, but ranks lower"] for name, details in promotion["others"].items()]
    tables = {"Other candidates": Table(["Model", "Failed because"], others, text_columns=(0, 1))} if others else {}
    return Section(
        "checks", "Why this decision?",
        ["A model is promoted only if every gate says yes."],
        {"Checks": Table(["Check", "Passed", "Role", "What was found"], [rows[i] for i in order], text_columns=(0, 1, 2, 3),
                         muted=[place for place, i in enumerate(order) if not checks[i]["gating"]])} | tables,
    )


def _skill(metrics: pd.DataFrame, promotion: Mapping[str, Any], text: _Texts) -> Section:
    return Section(
        "skill", "How good is it, beside naive rules?",
        [
            text.tested,
            "Below each figure stands its 95 % interval, from resampling whole days in blocks. A model whose interval includes the naive value has not "
            "shown that it knows more.",
        ],
        {"Out of sample": _metric_table(metrics, promotion, SHORT)},
        figures=("rank_ic", "deciles"),
    )


def _metric_table(metrics: pd.DataFrame, promotion: Mapping[str, Any], names: Sequence[str]) -> Table:
    kinds = metrics.drop_duplicates("model").set_index("model")["kind"]
    models = sorted(kinds.index, key=lambda model: (model != promotion["candidate"], kinds[model] == "naive", model))
    rows = [
        [f"{model} (naive)" if kinds[model] == "naive" else model]
        + [_with_interval(_metric(metrics, model, metric), metric) for metric in names]
        for model in models
    ]
    return Table(
        ["Model", *(METRICS[metric] for metric in names)], rows,
        muted=[index for index, model in enumerate(models) if kinds[model] == "naive"], strong=[0],
    )


def _earnings(summary: pd.DataFrame, promotion: Mapping[str, Any], text: _Texts) -> Section:
    return Section(
        "earnings", "What would it have earned after costs?",
        [text.trading, text.trials],
        {"On paper, after costs (small: before costs)": _trade_table(summary, promotion)},
        figures=("pnl",),
    )


def _trade_table(summary: pd.DataFrame, promotion: Mapping[str, Any]) -> Table:
    shown = ("annualised_return", "sharpe", "deflated_sharpe", "max_drawdown", "hit_rate", "turnover_per_day")
    models = sorted(summary["model"].unique(), key=lambda model: (model not in (promotion["candidate"], promotion["best_naive"]), model != promotion["candidate"], model))
    rows, strong = [], []
    for strategy, title in STRATEGIES.items():
        for model in models:
            net, gross = _measures(summary, model, strategy, "net"), _measures(summary, model, strategy, "gross")
            if not net or net["days_with_position"] == 0:
                continue
            if model == promotion["candidate"]:
                strong.append(len(rows))
            rows.append([title, model, *(_net_gross(measure, net, gross) for measure in shown)])
    heads = ["Return per year", "Sharpe", "Deflated", "Largest fall", "Days with gain", "Traded per day"]
    return Table(["Strategy", "Model", *heads], rows, strong=strong, text_columns=(0, 1))


def _risk(backtest: pd.DataFrame, summary: pd.DataFrame, name: str, params: EvaluationParams) -> Section:
    rows = backtest[(backtest["model"] == name) & (backtest["strategy"] == params.gate_strategy)]
    net = _measures(summary, name, params.gate_strategy, "net")
    daily = rows.set_index("ts")["net_return"]
    weekly = daily.resample("W").sum()
    last = daily.tail(params.target_profit_days).sum()
    worst = [
        ["Worst day", _percent(daily.min(), sign=True), f"{daily.idxmin():%d %B %Y}"],
        ["Worst week", _percent(weekly.min(), sign=True), f"week to {weekly.idxmin():%d %B %Y}"],
        ["Day that is worse only once in 20 (VaR 95 %)", _percent(daily.quantile(0.05), sign=True), "from the days of the test"],
        ["Average of those days (CVaR 95 %)", _percent(daily[daily <= daily.quantile(0.05)].mean(), sign=True), "from the days of the test"],
        ["Volatility per year", _percent(net["annualised_volatility"]), ""],
    ]
    wishes = [
        ["Sharpe ratio", f"more than {params.target_sharpe:g}", _number(net["sharpe"], 2), _yes(net["sharpe"] > params.target_sharpe)],
        ["Largest fall", f"less than {_percent(params.target_drawdown)}", _percent(net["max_drawdown"]), _yes(net["max_drawdown"] < params.target_drawdown)],
        [f"Profit of the last {params.target_profit_days} days", "more than 0 %", _percent(last, sign=True), _yes(last > 0.0)],
    ]
    return Section(
        "risk", "How risky is it?",
        [f"After costs, {STRATEGIES[params.gate_strategy].lower()}, in percent of constant capital. Your targets are reported, never tuned to."],
        {
            "Losses to be ready for": Table(["", "Value", "When"], worst, text_columns=(0, 2)),
            "Your targets": Table(["", "Target", "Found", "Met"], wishes, text_columns=(0, 3)),
        },
    )


def _data(provenance: Mapping[str, Any], bundle: ModelBundle, market: Market) -> Section:
    counts = ", ".join(f"{count:,} {table}" for table, count in sorted(provenance.get("rows", {}).items()))
    hashes = [[table, ", ".join(map(str, values))] for table, values in sorted(provenance.get("content_hashes", {}).items())]
    source = "the embedded market simulator (made-up data with a known truth)" if provenance["simulated"] else str(provenance["source"])
    survivors = (
        "Survivorship: if the list of instruments was made with hindsight (only companies that still exist), results are too good. The "
        "simulator lists and delists companies; for your own files, say from when and to when each instrument was a member."
        if market.has_benchmark
        else "Survivorship: currency pairs do not disappear, but a list of pairs chosen today still knows which ones stayed liquid."
    )
    tables = {"Content hashes": Table(["Table", "SHA-256 of what was received"], hashes, text_columns=(0, 1))} if hashes else {}
    return Section(
        "data", "What data is it?",
        [
            f"Source: {source}, id {provenance['source_id']}. {provenance['instruments']} instruments from {_moment(provenance['first_ts'])} to "
            f"{_moment(provenance['last_ts'])}{'; rows: ' + counts if counts else ''}. The final model was trained on "
            f"{bundle.metadata.get('n_rows', 0):,} rows with {len(bundle.feature_set.names)} features.",
            survivors,
        ],
        tables,
    )


def _leaks(meter: pd.DataFrame, promotion: Mapping[str, Any], name: str) -> Section:
    rows = meter[meter["model"] == name].set_index("split")
    said = next(check["detail"] for check in promotion["checks"] if check["name"] == "leak_alarm")
    text = [said]
    if {"random_rows", "purged"} <= set(rows.index):
        apart = 100 * (rows.loc["random_rows", "accuracy"] - rows.loc["purged", "accuracy"])
        text.append(
            f"The same model, judged on randomly chosen rows, would claim an accuracy of {100 * rows.loc['random_rows', 'accuracy']:.1f} % "
            f"instead of {100 * rows.loc['purged', 'accuracy']:.1f} %. These {apart:+.1f} points are not skill: neighbouring days share their "
            "outcome, and a random split lets the model see it. Distrust figures from such splits, whoever shows them."
        )
    return Section("leaks", "Is it too good to be true?", text, figures=("leak_meter",))


def _calibration(metrics: pd.DataFrame, name: str) -> Section:
    ece, skill = _metric(metrics, name, "ece"), _metric(metrics, name, "brier_skill")
    return Section(
        "calibration", "Can the probabilities be trusted?",
        [
            f"On average a stated probability misses the observed frequency by {100 * ece['value']:.1f} points. Compared with always "
            f"quoting the base rate the squared error is {abs(100 * skill['value']):.2f} % {'smaller' if skill['value'] >= 0 else 'larger'}. "
            "In an honest market probabilities stay close to 50 %: a narrow range is not a fault."
        ],
        figures=("calibration", "confusion"),
    )


def _steadiness(by_fold: pd.DataFrame, folds: pd.DataFrame, name: str) -> Section:
    mine = by_fold[by_fold["model"] == name].pivot(index="fold", columns="metric", values="value")
    shown = [metric for metric in SHORT if metric in mine]
    results = [[str(fold), *(_format(value, metric) for metric, value in row.items())] for fold, row in mine[shown].iterrows()]
    gaps = [
        [
            str(fold.fold), _day(fold.train_start), _day(fold.train_end), _minute(fold.label_end_max), f"{fold.purge_bars} + {fold.embargo_bars}",
            _day(fold.test_start), _day(fold.test_end), f"{fold.n_train:,}", f"{fold.n_purged:,}", f"{fold.n_test:,}",
        ]
        for fold in folds.itertuples()
    ]
    heads = ["Fold", "Train from", "to", "Last training label known", "Purge + embargo, bars", "Test from", "to", "Train rows", "Purged", "Test rows"]
    return Section(
        "steadiness", "Was it steady, and was the test fair?",
        [
            "Each fold trains on the past only. Rows whose outcome was not yet known when the test begins are purged, and an embargo "
            "follows; a gap that is shorter than the outcome takes to be known stops the run."
        ],
        {
            f"{name}, fold by fold": Table(["Fold", *(METRICS[metric] for metric in shown)], results),
            "Gap arithmetic": Table(heads, gaps),
        },
        figures=("gap",),
    )


def _inside(bundle: ModelBundle, champion: ModelBundle) -> Section:
    settings = ", ".join(f"{key} = {_setting(value)}" for key, value in sorted(bundle.model.params.items())) or "none"
    return Section(
        "inside", "What does the model look at?",
        [
            f"Model {bundle.name}, settings: {settings}. In use now: version {champion.metadata.get('version')} ({champion.name}, "
            f"{champion.metadata.get('status')}).",
            "Importance says what the model uses, not what moves prices.",
        ],
        figures=("importance",),
    )


def _everything(
    metrics: pd.DataFrame, summary: pd.DataFrame, promotion: Mapping[str, Any], params: EvaluationParams
) -> Section:
    rest = [metric for metric in METRICS if metric not in SHORT and metric in set(metrics["metric"])]
    tables = {"Further metrics": _metric_table(metrics, promotion, rest)}
    for strategy, title in STRATEGIES.items():
        net = _measures(summary, str(promotion["candidate"]), strategy, "net")
        gross = _measures(summary, str(promotion["candidate"]), strategy, "gross")
        if net:
            rows = [[MEASURES[key], _measure(key, net[key]), _measure(key, gross[key])] for key in MEASURES if key in net]
            tables[f"{promotion['candidate']}, {title.lower()}"] = Table(["Measure", "After costs", "Before costs"], rows)
    limits = [[key, str(value)] for key, value in sorted({**params.promotion.__dict__, **params.backtest.__dict__}.items())]
    tables["Limits and rules used"] = Table(["Parameter", "Value"], limits)
    return Section("everything", "All figures and rules", tables=tables, folded=True)


def _lineage(
    name: str, bundle: ModelBundle, tracked_run: Mapping[str, Mapping[str, str]], params: EvaluationParams
) -> dict[str, str]:
    run = tracked_run.get(name, {})
    facts = bundle.metadata
    return {
        "run": f"{run.get('run_name', '')} ({run.get('run_id', 'untracked')})",
        "data": str(facts.get("data_hash", ""))[:16],
        "features": str(facts.get("feature_set_hash", ""))[:16],
        "code": str(facts.get("code_hash", ""))[:16],
        "commit": str(facts.get("git_commit", ""))[:12],
        "seed": f"{facts.get('seed', '')} (training), {params.seed} (resampling)",
    }


def _command(
    market: Market, bundle: ModelBundle, provenance: Mapping[str, Any], params: EvaluationParams
) -> str:
    commit = str(bundle.metadata.get("git_commit") or "")
    checkout = f"git checkout {commit[:12]}\n" if commit and commit != "unknown" else ""
    if provenance["simulated"] or params.command:
        return f"{checkout}{params.command or f'kedro run --pipelines={market.name}'}"
    table = "bars" if market.has_benchmark else "quotes"
    return f'{checkout}kedro run --env own --pipelines={market.name} --params "{table}=FILE"   # the files whose hashes are shown above'


def _metric(metrics: pd.DataFrame, model: str, metric: str) -> dict[str, float]:
    rows = metrics[(metrics["model"] == model) & (metrics["metric"] == metric)]
    if rows.empty:
        return {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan}
    return {key: float(rows.iloc[0][key]) for key in ("value", "ci_low", "ci_high")}


def _measures(summary: pd.DataFrame, model: str, strategy: str, side: str) -> dict[str, float]:
    rows = summary[(summary["model"] == model) & (summary["strategy"] == strategy)]
    return {str(key): float(value) for key, value in zip(rows["measure"], rows[side], strict=True)}


def _net_gross(measure: str, net: Mapping[str, float], gross: Mapping[str, float]) -> str:
    if measure == "turnover_per_day":
        return _measure(measure, net[measure])
    return f"{_measure(measure, net[measure])}\n{_measure(measure, gross[measure])} before"


def _measure(name: str, value: float) -> str:
    if name == "days_with_position":
        return f"{value:,.0f}"
    if name == "deflated_sharpe":
        return _number(value, 2)
    return _percent(value) if name in PERCENT else _number(value, 2)


def _with_interval(found: Mapping[str, float], metric: str) -> str:
    value = _format(found["value"], metric)
    if not math.isfinite(found["ci_low"]):
        return value
    return f"{value}\n{_format(found['ci_low'], metric)} to {_format(found['ci_high'], metric)}"


def _format(value: float, metric: str) -> str:
    if not math.isfinite(value):
        return "–"
    if metric == "brier_skill":
        return f"{100 * value:+.2f} %"
    if metric in ("rank_ic", "ic", "mcc", "icir"):
        return f"{value:+.3f}"
    return f"{value:.4f}" if metric in ("brier", "log_loss", "ece") else f"{value:.3f}"


def _interval(found: Mapping[str, float], digits: int) -> str:
    return f"{found['ci_low']:.{digits}f} to {found['ci_high']:.{digits}f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}" if math.isfinite(value) else "none"


def _percent(value: float, *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:{'+' if sign else ''}.1f} %"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _tone(value: float, *, both: bool = False) -> str:
    if not math.isfinite(value):
        return ""
    return "good" if value > 0.0 else ("bad" if both else "")


def _yes(met: bool) -> str:
    return "yes" if met else "no"


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _moment(value: Any) -> str:
    moment = pd.Timestamp(value)
    return f"{moment:%d %B %Y}"


def _day(value: Any) -> str:
    return f"{pd.Timestamp(value):%Y-%m-%d}"


def _minute(value: Any) -> str:
    return f"{pd.Timestamp(value):%Y-%m-%d %H:%M}"
