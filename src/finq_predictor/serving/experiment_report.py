"""What came of trying challengers: from the store and the snapshots, kept where the API and the evaluation find it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.challengers import Challenger, read_experiment
from finq_predictor.adapters.database.served_reading import statements
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.evaluation.arm_comparison import ArmComparison, ArmFigures, compare_arms, pair_arms
from finq_predictor.domain.evaluation.performance import days_per_year, measures
from finq_predictor.domain.evaluation.realised import judge
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.decisions import Action

if TYPE_CHECKING:
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)
_PAPER = ("sharpe", "max_drawdown", "profit_factor")


@dataclass(frozen=True)
class Trial:
    """One challenger beside one champion.

    Attributes:
        name: Of the challenger.
        experiment: Of the experiment.
        mode: ``shadow`` or ``ab``.
        model: Name of the challenger's model.
        version: Its version.
        champion_model: Name of the champion's model.
        champion_version: Its version.
        horizon: Bars of the label.
        found: What was found.
        sentence: What can be said of it.
    """

    name: str
    experiment: str
    mode: str
    model: str
    version: str
    champion_model: str
    champion_version: str
    horizon: int
    found: ArmComparison
    sentence: str


@dataclass(frozen=True)
class ExperimentReport:
    """All that is tried in a market.

    Attributes:
        market: Name of the market.
        made_at: When it was made, ISO 8601.
        trials: By challenger and champion; a challenger has one for each champion beside which it answered.
        waiting: Challengers without any pair whose outcome is known.
    """

    market: str
    made_at: str
    trials: tuple[Trial, ...]
    waiting: tuple[str, ...]


def report_experiment(engine: Engine, root: Path, market: str, made_at: datetime) -> ExperimentReport:
    """Compare each challenger of a market with each champion that answered the same.

    Args:
        engine: The store.
        root: Folder of the data.
        market: Name of the market.
        made_at: The time, UTC.

    Raises:
        SourceUnavailableError: If the store does not answer.
        StoreError: If it is at another step than this code, or what is tried cannot be read.
    """
    tried = read_experiment(root, market).challengers
    said = statements(engine, market) if tried else None
    trials, waiting = [], []
    for one in tried:
        found = [] if said is None else list(_trials(root, MARKETS[market], one, said))
        trials += found
        if not found:
            waiting.append(one.name)
    return ExperimentReport(market, made_at.isoformat(), tuple(trials), tuple(waiting))


def write_report(root: Path, report: ExperimentReport) -> None:
    """Leave a report where the API and the evaluation find it."""
    write_text_atomically(Layout(root).experiment_report(report.market), to_json(report))


def read_report(root: Path, market: str) -> ExperimentReport | None:
    """The report that was left; None where there is none."""
    file = Layout(root).experiment_report(market)
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    advice = f"Make it anew: finq experiment report --market {market}"
    return from_json(ExperimentReport, text, file, advice)


def write_reports(engine: Engine, root: Path, made_at: datetime, state: Path | None = None) -> None:
    """Make the reports of all markets in which something is tried; where that cannot be read, the log says so.

    They are left in the folder that the service writes into, or in the data.
    """
    for market in MARKETS:
        try:
            tried = read_experiment(root, market).challengers
        except FinqError as error:
            logger.warning("What is tried in %s cannot be read: %s", market, error)
            continue
        if tried:
            write_report(state or root, report_experiment(engine, root, market, made_at))


def table_of(report: ExperimentReport) -> str:
    """A report for people."""
    lines = [f"{report.market}: {name} waits for outcomes." for name in report.waiting]
    for one in report.trials:
        lines += _lines(report.market, one)
    return "\n".join(lines) or f"Nothing is tried in {report.market}."


def _trials(root: Path, market: Market, one: Challenger, said: pd.DataFrame) -> Iterator[Trial]:
    is_mine = (said["model"] == one.model) & (said["version"] == one.version)
    tried = [(other.model, other.version) for other in read_experiment(root, market.name).challengers]
    mine, others = _matured(said[is_mine]), said[~is_mine]
    for (model, version, horizon), rows in others.groupby(["model", "version", "horizon"], sort=True):
        if (model, version) in tried:
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
        )


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
        f"{market}: {one.name} ({one.model} version {one.version}, {one.mode}) beside {one.champion_model} version "
        f"{one.champion_version}, {one.horizon} bars ahead"
    )
    yield f"    {found.pairs:,} pairs on {found.bars:,} bars; {found.unpaired:,} of the champion have none"
    yield f"    {'':<16}{'champion':>12}{'challenger':>12}"
    champion, challenger = _flat(found.champion), _flat(found.challenger)
    for name in champion:
        yield f"    {name:<16}{_said(champion[name]):>12}{_said(challenger.get(name)):>12}"
    yield f"    gain in the Brier score {_said(found.gain)} [{_said(found.low)}, {_said(found.high)}]"
    notable = "notable" if welch.notable else "not notable"
    yield f"    Welch's test: p {_said(welch.p_value)}, Cohen's d {_said(welch.cohens_d)}: {notable}"
    yield f"    valid at any time: p {found.better.p_value:.4f} for better, {found.worse.p_value:.4f} for worse"
    yield f"    {one.sentence}"


def _flat(figures: ArmFigures) -> dict[str, float | None]:
    names = ("accuracy", "hit_rate", "acted", "brier", "log_loss")
    return {**{name: getattr(figures, name) for name in names}, **figures.paper}


def _said(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
