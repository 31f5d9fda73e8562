from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import MappingError
from finq_predictor.domain.ingestion.recognition import recognise
from finq_predictor.domain.ingestion.wide_tables import is_wide, unpivoted, with_index_as_columns
from synthetic_market_files import market_frames

BARS, _ = market_frames(3)
CLOSES = BARS.pivot(index="date", columns="symbol", values="close").rename_axis(columns=None)


def test_closes_side_by_side_become_one_row_per_bar():
    table = with_index_as_columns(CLOSES)
    assert is_wide(table)
    assert not is_wide(BARS)
    long = unpivoted(table)
    assert list(long.columns) == ["date", "instrument", "open", "high", "low", "close"]
    ours = long.set_index(["date", "instrument"])["close"].sort_index()
    truth = BARS.set_index(["date", "symbol"])["close"].sort_index()
    assert (ours.to_numpy() == truth.to_numpy()).all()


def test_a_wide_table_is_recognised_and_said_to_be_one():
    found = recognise(CLOSES).recognition
    assert (found.wide, found.rows, found.instruments) == (True, len(BARS), 3)
    assert "a column for each instrument was taken for its closes" in found.text()


def test_empty_cells_are_no_bars():
    holed = CLOSES.copy()
    holed.iloc[0, 0] = None
    assert recognise(holed).recognition.rows == len(BARS) - 1


@pytest.mark.parametrize("instruments_first", [True, False])
def test_columns_of_two_levels_are_stacked(instruments_first):
    wide = BARS.pivot(index="date", columns="symbol", values=["open", "high", "low", "close", "volume"])
    if instruments_first:
        wide = wide.swaplevel(axis=1)
    wide.index = pd.DatetimeIndex(wide.index)
    found = recognise(wide).recognition
    assert (found.rows, found.instruments, found.reading) == (len(BARS), 3, {})
    assert found.columns["volume"] == "volume"


def test_two_levels_without_prices_are_an_error():
    with pytest.raises(MappingError, match="none names prices"):
        recognise(pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_product([["a"], ["b", "c"]])))


def test_one_instrument_called_by_one_letter_is_no_price():
    assert is_wide(with_index_as_columns(CLOSES.set_axis(["V", "C", "O"], axis=1)))
