"""What became of the signals that the API gave, from the store and the snapshots."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.database.served_reading import statements
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.signal_records import FILE
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.paper_book import PaperBook, TradingTerms, book_readings, keep_book
from finq_predictor.domain.evaluation.signal_figures import signal_readings
from finq_predictor.domain.evaluation.signal_record import SignalRecord, SignalRecords
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.domain.evaluation.windows import LONGEST
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.serving.trading_terms import trading_terms

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from finq_predictor.adapters.snapshots.store import Snapshot

SERVED = "served"


def write_signal_records(engine: Engine, root: Path, made_at: datetime, state: Path | None = None) -> None:
    """Make the records and leave them where ``finq alarms measure`` finds them.

    Args:
        engine: The store.
        root: Folder of the data.
        made_at: The time, UTC.
        state: Folder that is written into; None is that of the data.

    Raises:
        SourceUnavailableError: If the store does not answer.
        StoreError: If it is at another step than this code.
    """
    found = (served_record(engine, root, market) for market in MARKETS.values())
    records = SignalRecords(made_at.isoformat(), tuple(record for record in found if record is not None))
    write_text_atomically(Layout(state or root).served / FILE, to_json(records))


def served_record(engine: Engine, root: Path, market: Market) -> SignalRecord | None:
    """What became of what callers were told of a market by its champion, whichever version it was.

    Args:
        engine: The store.
        root: Folder of the data: prices to trade on paper.
        market: The market.

    Returns:
        The record; None where nothing was told, or no bar is there to hold it against.
    """
    snapshot = SnapshotStore(root, market.name).newest()
    if not snapshot.has("silver_bars"):
        return None
    try:
        bars = pd.read_parquet(snapshot.path("silver_bars"))
    except OSError:
        # Another one was published meanwhile, and this one swept away.
        return None
    as_of = bars[TS].max()
    said = first_told(statements(engine, market.name, since=(as_of - LONGEST).to_pydatetime()))
    if said.empty:
        return None
    terms, readings = trading_terms(snapshot, market), signal_readings(said, as_of, market)
    book = _book(snapshot, said, bars, terms, market)
    traded = () if book is None else book_readings(book, as_of, terms.rules.capital, market)
    strategy = "" if book is None else book.strategy
    return SignalRecord(market.name, SERVED, as_of.isoformat(), strategy, terms.rules.capital, (*readings, *traded))


def first_told(said: pd.DataFrame) -> pd.DataFrame:
    """Of each bar of each instrument what callers were told first by a champion, over the horizon that is in use.

    Args:
        said: Statements as ``served_reading.statements`` gives them.
    """
    mine = said[said["arm"] == Arm.CHAMPION.value].sort_values("served_at", kind="stable")
    if mine.empty:
        return mine
    mine = mine[mine["horizon"] == mine["horizon"].iloc[-1]]
    return mine.drop_duplicates([TS, INSTRUMENT]).sort_values([TS, INSTRUMENT], ignore_index=True)


def _book(
    snapshot: Snapshot, said: pd.DataFrame, bars: pd.DataFrame, terms: TradingTerms, market: Market
) -> PaperBook | None:
    try:
        level = pd.read_parquet(snapshot.path("silver_benchmark")) if market.reference_tables else None
        return keep_book(said, bars, level, int(said["horizon"].iloc[0]), terms, market)
    except (DataError, OSError):
        # Bars that were taken back, or are gone, are no reason to withhold how right it was.
        return None
