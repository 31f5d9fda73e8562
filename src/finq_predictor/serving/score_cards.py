"""How right each version of each model was, from the store and the snapshots; and the page of it that the API tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.database.served_reading import feedback_about, speakers, statements
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.score_cards import FILE
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError, UnknownNameError
from finq_predictor.domain.evaluation.realised import (
    FEWEST_DAYS,
    FEWEST_MATURED,
    Figure,
    counts_of,
    judge,
    paper_figure,
    realised_figures,
)
from finq_predictor.domain.evaluation.score_cards import FeedbackCounts, ScoreCard, ScoreCards
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.serving.trading_terms import trading_terms

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from finq_predictor.adapters.snapshots.store import Snapshot

_PROMISES = {
    "accuracy": "hit_rate",
    "rank_ic": "rank_ic",
    "brier": "brier",
    "ece": "ece",
    "auc": "auc",
    "precision": "precision",
    "set_coverage": "coverage",
}


def score_cards(
    engine: Engine,
    root: Path,
    made_at: datetime,
    *,
    market: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    as_of: datetime | None = None,
) -> ScoreCards:
    """Make the score-cards.

    Args:
        engine: The store.
        root: Folder of the data: prices to trade on paper, and what was promised.
        made_at: The time, UTC.
        market: Only this market.
        model: Only this model.
        since: Only bars that closed then or later.
        as_of: As it was known then; None is now.

    Raises:
        SourceUnavailableError: If the store does not answer.
        StoreError: If it is at another step than this code.
    """
    given = feedback_about(engine, market, as_of)
    # One after the other: what all versions ever said together may be more than fits into memory.
    cards = [
        _card(root, MARKETS[one.market], rows, given[given["market"] == one.market])
        for one in speakers(engine, market, model, since, as_of)
        # A market that this code does not know any more cannot be judged by it.
        if one.market in MARKETS and not (rows := statements(engine, since=since, as_of=as_of, speaker=one)).empty
    ]
    return ScoreCards("" if as_of is None else as_of.isoformat(), made_at.isoformat(), tuple(cards))


def write_score_cards(engine: Engine, root: Path, made_at: datetime, state: Path | None = None) -> None:
    """Make the score-cards and leave them where the API finds them: in the folder it writes into, or in the data."""
    write_text_atomically(Layout(state or root).served / FILE, to_json(score_cards(engine, root, made_at)))


def _card(root: Path, market: Market, rows: pd.DataFrame, given: pd.DataFrame) -> ScoreCard:
    first = rows.iloc[0]
    horizon, counts = int(first["horizon"]), counts_of(rows)
    figures, note = realised_figures(rows, market, horizon, _promised(root, market, rows)), ""
    if counts.enough:
        figures = (*figures, *_paper(root, market, horizon, rows))
    else:
        note = (
            f"{counts.matured:,} have matured, on {counts.days:,} days; figures are given from {FEWEST_MATURED:,} on "
            f"{FEWEST_DAYS:,} days."
        )
    return ScoreCard(
        market.name,
        str(first["model"]),
        str(first["version"]),
        str(first["arm"]),
        horizon,
        rows[TS].min().isoformat(),
        rows[TS].max().isoformat(),
        counts,
        figures,
        compare_feedback(rows, given),
        note,
    )


def compare_feedback(rows: pd.DataFrame, given: pd.DataFrame) -> FeedbackCounts:
    """What clients say of the bars of statements, beside what the data say.

    Args:
        rows: Statements with their outcomes; ``label`` is NaN where nothing is known.
        given: How many clients say what of which bar, see ``feedback_about``.
    """
    about = given[[INSTRUMENT, TS, "outcome", "given"]]
    both = about.merge(rows[[INSTRUMENT, TS, "label"]].drop_duplicates([INSTRUMENT, TS]), on=[INSTRUMENT, TS])
    disputed = both.groupby([INSTRUMENT, TS])["outcome"].transform("nunique") > 1
    known = both["label"].notna()
    wrong = (known & (both["outcome"].astype(float) != both["label"])) | disputed

    def heard(which: pd.Series) -> int:
        return int(both.loc[which, "given"].sum())

    return FeedbackCounts(int(both["given"].sum()), heard(known & ~wrong), heard(wrong), heard(~known & ~wrong))


def _promised(root: Path, market: Market, rows: pd.DataFrame) -> dict[str, float]:
    """What the evaluation said of the model in the snapshot from which it first spoke, where that is still kept."""
    snapshot = _snapshot_of(root, market, rows)
    return {} if snapshot is None else promises(snapshot, str(rows.iloc[0]["model"]))


def promises(snapshot: Snapshot, model: str) -> dict[str, float]:
    """What the evaluation of a snapshot said of a model, by the names of figures; nothing where there is none."""
    if not snapshot.has("metrics"):
        return {}
    table = pd.read_parquet(snapshot.path("metrics"))
    mine = table[(table["model"] == model) & table["value"].notna()].set_index("metric")["value"]
    return {name: float(mine[metric]) for metric, name in _PROMISES.items() if metric in mine}


def _paper(root: Path, market: Market, horizon: int, rows: pd.DataFrame) -> tuple[Figure, ...]:
    found = paper_returns(root, market, horizon, rows)
    if found is None:
        return ()
    daily, strategy = found
    return (paper_figure(daily, market, horizon, _promised_paper(root, market, rows, strategy)),)


def paper_returns(root: Path, market: Market, horizon: int, rows: pd.DataFrame) -> tuple[pd.DataFrame, str] | None:
    """Trade on paper on what was said and decided, by the terms by which the champion was judged.

    Args:
        root: Folder of the data.
        market: The market.
        horizon: Bars of the label.
        rows: Statements with their outcomes.

    Returns:
        Days as the backtest gives them, and the strategy; None where the bars do not fit.
    """
    from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest
    from finq_predictor.domain.evaluation.positions import strategy_for

    acted = rows[judge(rows).isin(["matured", "waiting", "ties"])]
    snapshot = SnapshotStore(root, market.name).newest()
    terms = trading_terms(snapshot, market)
    rules = terms.rules
    try:
        bars = pd.read_parquet(snapshot.path("silver_bars"))
        level = pd.read_parquet(snapshot.path("silver_benchmark")) if market.reference_tables else None
        grid = make_price_grid(bars[bars[TS] >= acted[TS].min()], rules, market, level)
        strategy = terms.strategy or strategy_for(acted, rules)
        daily = run_backtest(acted, grid, market, horizon, rules, strategy)
    except (DataError, OSError):
        # Bars that were taken back, or are gone, are no reason to withhold the other figures.
        return None
    return daily, strategy


def _promised_paper(root: Path, market: Market, rows: pd.DataFrame, strategy: str) -> float | None:
    snapshot = _snapshot_of(root, market, rows)
    if snapshot is None or not snapshot.has("backtest"):
        return None
    table = pd.read_parquet(snapshot.path("backtest"))
    mine = table[(table["model"] == rows.iloc[0]["model"]) & (table["strategy"] == strategy)]
    return float(mine["net_return"].mean()) * 1e4 if len(mine) else None


def _snapshot_of(root: Path, market: Market, rows: pd.DataFrame) -> Snapshot | None:
    first: Mapping[str, object] = rows.sort_values("served_at").iloc[0]
    try:
        return SnapshotStore(root, market.name).open(str(first["snapshot"]))
    except (UnknownNameError, DataError):
        return None
