from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.columns import NOTES
from finq_predictor.domain.errors import GateError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.ingestion import nodes
from finq_predictor.pipelines.ingestion.params import IngestionParams


def bars() -> pd.DataFrame:
    days = pd.bdate_range("2024-02-05", periods=5).strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "symbol": "AAA", "date": days, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1,
            "_source": "own:x", "_received_at": pd.Timestamp("2024-03-01", tz="UTC"), "_content_hash": "1",
        }
    )  # fmt: skip


LATER = pd.Timestamp("2024-03-01", tz="UTC")


def test_what_could_not_be_had_is_said_and_changes_no_row():
    noted = bars()
    noted.attrs[NOTES] = ("not all of it could be had: the provider was down",)
    market = MARKETS["equity"]
    silver, quarantine, delivery, _ = nodes.clean_bars(noted, IngestionParams(), market=market)
    assert delivery.tally.notes[-1] == "not all of it could be had: the provider was down"
    plain, *_ = nodes.clean_bars(bars(), IngestionParams(), market=market)
    pd.testing.assert_frame_equal(silver, plain)
    assert silver.attrs == quarantine.attrs == {}


def test_a_delivery_is_passed_on_whole_or_part_by_part():
    whole = bars()
    assert nodes.receive(whole) is whole
    parts = iter([whole])
    assert nodes.receive(parts) is parts


def test_providers_that_differ_are_listed_and_close_the_gate():
    market, params = MARKETS["equity"], IngestionParams()
    prices = ["open", "high", "low", "close"]
    other = bars().assign(_source="own:y", asked_as="second_opinion")
    other[prices] *= 100
    both = pd.concat([other, bars()], ignore_index=True)
    assert nodes.clean_bars(bars(), params, market=market)[3].empty
    silver, quarantine, delivery, differences = nodes.clean_bars(both, params, market=market)
    assert differences["disbelieved"].tolist() == [True] * 5
    assert silver.empty
    assert set(quarantine["rule"]) == {"provider_disagreement"}
    with pytest.raises(GateError, match=r"rule max_provider_difference_share: found 1, allowed 0.1\..*AAA 2024-02-05"):
        nodes.check_gates(nodes.ask_gates(params, (delivery,), LATER, silver, None, market=market)[0])


def test_second_opinions_alone_are_no_delivery():
    only = bars().assign(asked_as="second_opinion")
    with pytest.raises(GateError, match="bars, rule not_empty: the source delivered no rows"):
        nodes.clean_bars(only, IngestionParams(), market=MARKETS["equity"])
