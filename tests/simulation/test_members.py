"""The simulated index changes with what is traded, and who has ended is not in it."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.adapters.sources.simulated import SimulatedSource
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market
from finq_predictor.simulation.members import largest_members

SIZE = {"instruments": 12, "years": 2.0, "articles_per_year": 0.0}


def test_the_most_traded_are_chosen_each_month_among_those_that_are_listed():
    days = pd.to_datetime(["2020-01-30", "2020-01-31", "2020-02-27", "2020-02-28"])
    bars = pd.DataFrame(
        [(day, name, 1.0, volume) for day in days for name, volume in (("A", 3.0), ("B", 2.0), ("C", 1.0))],
        columns=["date", "symbol", "close", "volume"],
    )
    bars = bars[~((bars["symbol"] == "A") & (bars["date"] == days[3]))]
    chosen = largest_members(bars, 2)
    assert chosen.groupby("date")["symbol"].agg(list).to_dict() == {days[1]: ["A", "B"], days[3]: ["B", "C"]}


def test_an_index_is_off_unless_its_size_is_given():
    off = SimulatedSource("equity", "membership", **SIZE)
    assert off.read().empty
    assert off.source_id == SimulatedSource("equity", "bars", **SIZE).source_id
    on = SimulatedSource("equity", "membership", index_size=5, **SIZE)
    assert on.source_id != off.source_id
    lists = on.read().groupby("date")["symbol"].nunique()
    assert lists.max() == 5
    silver = clean_membership(on.read(), Rules(get_market("equity"))).silver
    assert silver["until"].notna().any()
    with pytest.raises(ConfigurationError, match="at least one member"):
        SimulatedSource("equity", "membership", index_size=0, **SIZE)
