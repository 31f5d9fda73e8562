"""What holds for every declared table."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import SILVER_BARS, TABLES, get_table
from finq_predictor.domain.tables.reference import tables_markdown

STAGES = {"ingestion", "sentiment", "features", "training", "evaluation", "monitoring"}


@pytest.fixture(params=list(TABLES))
def table(request):
    return TABLES[request.param]


def test_everything_is_explained(table):
    assert table.writer in STAGES
    assert table.meaning.endswith(".")
    for column in table.columns:
        assert column.meaning.endswith("."), column.name
        assert 0.0 <= column.known <= 1.0


def test_times_and_numbers_have_a_unit(table):
    # An ordinal such as the number of a fold counts nothing.
    measured = [column for column in table.columns if column.dtype.startswith(("datetime", "float"))]
    bare = {column.name for column in measured if not column.unit}
    assert not bare - {"*"}


def test_rules_are_about_columns_that_are_there(table):
    names = {column.name for column in table.columns}
    assert len(names) == len(table.columns)
    assert set(table.key) <= set(table.names)
    assert table.ascending in {None, *names}
    assert {name for pair in table.not_below for name in pair} <= names
    assert {name for rule in table.within for name in (*rule.columns, rule.low, rule.high)} <= names


def test_an_empty_frame_fits(table):
    empty = table.empty()
    assert not table.misfits(empty)
    pd.testing.assert_frame_equal(table.typed(empty), empty)


@pytest.mark.parametrize("market", MARKETS.values(), ids=lambda market: market.name)
def test_bars_of_a_market_have_what_the_market_says(market):
    bars = market.bars_table
    expected = {*market.price_columns, *market.quote_columns, "instrument", "ts", "volume", "known_at"}
    assert set(bars.names) == expected
    assert {column.name for column in bars.columns} == expected | set(market.label_columns)
    assert [name for name in (column.name for column in SILVER_BARS.columns) if name in expected] == list(bars.names)
    assert (("ask_open", "bid_open") in bars.not_below) == market.has_quotes


def test_tables_are_found_by_the_name_of_a_dataset():
    assert get_table("gold") is TABLES["gold"]
    assert get_table("quarantine_bars") is TABLES["quarantine_*"]
    with pytest.raises(UnknownNameError, match="Did you mean 'silver_macro'"):
        get_table("silver_makro")


def test_the_page_has_every_table_and_column():
    page = tables_markdown(TABLES)
    for name, table in TABLES.items():
        section = page.split(f"### {name.replace('*', 'TABLE')}\n")[1].split("\n##")[0]
        assert table.meaning in section
        assert all(f"| `{column.name}` |" in section for column in table.columns)
        assert f"Written by `{table.writer}`" in section
