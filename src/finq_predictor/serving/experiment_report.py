"""What came of trying challengers: from the store and the snapshots, kept where the API and the evaluation find it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finq_predictor.adapters.challengers import Challenger, read_experiment
from finq_predictor.adapters.database.served_reading import failures, latencies, speakers, statements
from finq_predictor.adapters.live_trials import write_report
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.evaluation.arm_comparison import ArmFigures, compare_arms, pair_arms
from finq_predictor.domain.evaluation.arm_service import ArmService, served_by
from finq_predictor.domain.evaluation.live_trials import ExperimentReport, Trial
from finq_predictor.domain.evaluation.performance import days_per_year, measures
from finq_predictor.domain.evaluation.realised import judge
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.decisions import Action

if TYPE_CHECKING:
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)
_LATELY = timedelta(days=28)
_SERVICE = {
    "answers": ",",
    "errors": ",",
    "error_rate": ".4%",
    "latency_p50_us": ",.0f",
    "latency_p95_us": ",.0f",
    "latency_p99_us": ",.0f",
    "bar_p50_us": ",.0f",
    "bar_p95_us": ",.0f",
}
_PAPER = ("sharpe", "max_drawdown", "profit_factor")


def report_experiment(engine: Engine, root: Path, market: str, made_at: datetime) -> ExperimentReport:
    """Compare each challenger of a market, also former ones, with each champion that answered the same.

    Args:
        engine: The store.
        root: Folder of the data.
        market: Name of the market.
        made_at: The time, UTC.

    Raises:
        SourceUnavailableError: If the store does not answer.
        StoreError: If it is at another step than this code, or what is tried cannot be read.
    """
    experiment = read_experiment(root, market)
    everybody = (*experiment.challengers, *experiment.former)
    said = _said_since(engine, market, everybody)
    trials, waiting = [], []
    for one in everybody:
        over = one in experiment.former
        found = [] if said is None else list(_trials(root, MARKETS[market], one, said, everybody))
        services = {} if said is None else _services(engine, market, said, found, made_at)
        trials += [replace(trial, over=over, service=services[place]) for place, trial in enumerate(found)]
        if not found and not over:
            waiting.append(one.name)
    return ExperimentReport(market, made_at.isoformat(), tuple(trials), tuple(waiting))


def write_reports(engine: Engine, root: Path, made_at: datetime, state: Path | None = None) -> None:
    """Make the reports of all markets in which something was tried; where that cannot be read, the log says so.

    They are left in the folder that the service writes into, or in the data.
    """
    for market in MARKETS:
        try:
            experiment = read_experiment(root, market)
        except FinqError as error:
            logger.warning("What is tried in %s cannot be read: %s", market, error)
            continue
        if experiment.challengers or experiment.former:
            write_report(state or root, report_experiment(engine, root, market, made_at))


def table_of(report: ExperimentReport) -> str:
    """A report for people."""
    lines = [f"{report.market}: {name} waits for outcomes." for name in report.waiting]
    for one in report.trials:
        lines += _lines(report.market, one)
    return "\n".join(lines) or f"Nothing is tried in {report.market}."


def _said_since(engine: Engine, market: str, everybody: Sequence[Challenger]) -> pd.DataFrame | None:
    """What was said since the first bar of a challenger: what was said before has nothing to stand beside."""
    tried = {(one.model, one.version) for one in everybody}
    bars = [one.first for one in speakers(engine, market) if (one.model, one.version) in tried] if tried else []
    return statements(engine, market, since=min(bars)) if bars else None


def _trials(
    root: Path, market: Market, one: Challenger, said: pd.DataFrame, everybody: Sequence[Challenger]
) -> Iterator[Trial]:
    is_mine = _of(said, one.model, one.version)
    tried = [(other.model, other.version) for other in everybody]
    mine, others = _matured(said[is_mine]), said[~is_mine]
    for (model, version, horizon), rows in others.groupby(["model", "version", "horizon"], sort=True):
        # Who was tried may have been champion at another time, before or after.
        if (model, version) in tried and not (rows["arm"] == Arm.CHAMPION).any():
            continue
        champion, challenger = _matured(rows), mine[mine["horizon"] == horizon]
        # What was said before there was a challenger has nothing to stand beside.
        since = champion["served_at"] >= challenger["served_at"].min()
        pairs = pair_arms(champion, challenger)
        if pairs.empty:
            continue
        known_after = int(horizon) + market.entry_lag
        found = compare_arms(
            pairs,
            known_after,
            unpaired=max(0, int(since.sum()) - len(pairs)),
            paper=_paper(root, market, int(horizon), pairs, {"champion": champion, "challenger": challenger}),
        )
        yield Trial(
            name=one.name,
            experiment=one.experiment,
            mode=one.mode.value,
            model=one.model,
            version=one.version,
            champion_model=str(model),
            champion_version=str(version),
            horizon=int(horizon),
            found=found,
            sentence=found.sentence,
            model_hash=one.model_hash,
        )


def _services(
    engine: Engine, market: str, said: pd.DataFrame, trials: Sequence[Trial], made_at: datetime
) -> dict[int, dict[str, ArmService]]:
    """How both sides of each trial served since the challenger answered, at most the last four weeks."""
    if not trials:
        return {}
    first = said.loc[_of(said, trials[0].model, trials[0].version), "served_at"].min()
    since = max(first.to_pydatetime(), made_at - _LATELY)
    taken, failed = latencies(engine, market, since), failures(engine, market, since)
    lately = said[said["served_at"] >= since].drop_duplicates(["model", "version", "horizon", TS])

    def service(model: str, version: str) -> ArmService:
        errors = int(failed.loc[_of(failed, model, version), "errors"].sum())
        bars = lately.loc[_of(lately, model, version), "took_us"]
        return served_by(taken[_of(taken, model, version)], errors, bars)

    return {
        place: {
            "champion": service(one.champion_model, one.champion_version),
            "challenger": service(one.model, one.version),
        }
        for place, one in enumerate(trials)
    }


def _of(rows: pd.DataFrame, model: str, version: str) -> pd.Series:
    mine: pd.Series = (rows["model"] == model) & (rows["version"] == version)
    return mine


def _matured(rows: pd.DataFrame) -> pd.DataFrame:
    """Those with an outcome that nobody could know; a model that would not act has a probability all the same."""
    return rows[judge(rows.assign(decision=Action.PREDICT.value)) == "matured"]


def _paper(
    root: Path, market: Market, horizon: int, pairs: pd.DataFrame, sides: Mapping[str, pd.DataFrame]
) -> dict[str, dict[str, float]]:
    """Measures of trading on paper on the pairs, after costs."""
    from finq_predictor.serving.score_cards import paper_returns

    found = {}
    for arm, rows in sides.items():
        first = rows.sort_values("served_at", kind="stable").drop_duplicates([TS, INSTRUMENT])
        daily = paper_returns(root, market, horizon, first.merge(pairs[[TS, INSTRUMENT]], on=[TS, INSTRUMENT]))
        if daily is not None:
            known = measures(daily[0]["net_return"].to_numpy(float), days_per_year(market), trials=1)
            found[arm] = {name: known[name] for name in _PAPER}
    return found


def _lines(market: str, one: Trial) -> Iterator[str]:
    found, welch = one.found, one.found.welch
    yield (
        f"{market}: {one.name} ({one.model} version {one.version}, {_role(one)}) beside {one.champion_model} version "
        f"{one.champion_version}, {one.horizon} bars ahead"
    )
    yield f"    {found.pairs:,} pairs on {found.bars:,} bars; {found.unpaired:,} of the champion have none"
    yield f"    {'':<16}{'champion':>12}{'challenger':>12}"
    champion, challenger = _flat(found.champion), _flat(found.challenger)
    for name in champion:
        yield f"    {name:<16}{_said(champion[name]):>12}{_said(challenger.get(name)):>12}"
    for name, how in _SERVICE.items():
        sides = [getattr(side, name) for side in one.service.values()]
        if any(value is not None for value in sides):
            yield f"    {name:<16}" + "".join(f"{'-' if value is None else format(value, how):>12}" for value in sides)
    yield f"    gain in the Brier score {_said(found.gain)} [{_said(found.low)}, {_said(found.high)}]"
    notable = "notable" if welch.notable else "not notable"
    yield f"    Welch's test: p {_said(welch.p_value)}, Cohen's d {_said(welch.cohens_d)}: {notable}"
    yield f"    valid at any time: p {found.better.p_value:.4f} for better, {found.worse.p_value:.4f} for worse"
    yield f"    {one.sentence}"


def _role(one: Trial) -> str:
    return f"{one.mode}, not tried any more" if one.over else one.mode


def _flat(figures: ArmFigures) -> dict[str, float | None]:
    names = ("accuracy", "hit_rate", "acted", "brier", "rmse", "log_loss")
    return {**{name: getattr(figures, name) for name in names}, **figures.paper}


def _said(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
