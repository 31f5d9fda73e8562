"""Several providers of one table: the next one stands in for the first, or is asked what it thinks of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.chain import ChainSource
from finq_predictor.adapters.sources.making import make_source
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.ingestion.bars import clean_bars, clean_bars_and_actions
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS
from provider_replays import AlphaVantageReplay
from provider_server import failing
from yahoo_replay import NEW_YORK, Listing, YahooReplay, path_of

SOURCES = "finq_predictor.adapters.sources."
SESSIONS = pd.bdate_range("2024-01-02", "2024-03-28", tz=NEW_YORK).drop(
    pd.DatetimeIndex(["2024-01-15", "2024-02-19"], tz=NEW_YORK)
)
RULES = Rules(MARKETS["equity"], ReadingRules(prices="split_adjusted"))
keep = partial(kept, since="2024-01-01", again="2D")


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=NEW_YORK).tz_convert("UTC")


def prices(level: float) -> pd.DataFrame:
    close = [level + number / 10 for number in range(len(SESSIONS))]
    values = dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
    return pd.DataFrame({**values, "volume": 1000}, index=(SESSIONS + pd.Timedelta(hours=9.5)).tz_convert("UTC"))


@pytest.fixture
def yahoo(tmp_path):
    yfinance = pytest.importorskip("yfinance")
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    with YahooReplay({"AAA": Listing(prices(50.0)), "BBB": Listing(prices(90.0))}, at("2024-02-01 20:00")) as server:
        yield server


@pytest.fixture
def vantage():
    parts = [
        prices(level).drop(columns="adj_close").assign(instrument=name, date=SESSIONS.tz_localize(None))
        for name, level in (("AAA", 50.0), ("BBB", 90.0))
    ]
    with AlphaVantageReplay(pd.concat(parts), at("2024-02-01 20:00")) as server:
        yield server


def chain(yahoo: YahooReplay, vantage: AlphaVantageReplay, **options: Any) -> ChainSource:
    providers = [
        {"class": SOURCES + "yahoo.YahooSource", "instruments": ["AAA", "BBB"], "base_url": yahoo.url, "policy": FAST},
        {
            "class": SOURCES + "alpha_vantage.AlphaVantageSource",
            "instruments": ["AAA", "BBB"],
            "adjusted": False,
            "base_url": vantage.url,
            "policy": FAST,
        },
    ]
    made = {"class": SOURCES + "chain.ChainSource", "table": "bars", "providers": providers, **options}
    source = make_source(made, {"alpha_vantage": {"key": vantage.key}})
    assert isinstance(source, ChainSource)
    return source


def test_nobody_is_asked_twice_unless_somebody_wants_it(yahoo, vantage, tmp_path):
    store = BronzeStore(tmp_path / "bronze")
    keep(store, chain(yahoo, vantage), yahoo.now)
    assert vantage.requests == []
    assert store.all()["_source"].unique().tolist() == ["own:yahoo-1d"]


def test_a_second_opinion_is_asked_for_once_and_then_for_what_is_new(yahoo, vantage, tmp_path):
    store, options = BronzeStore(tmp_path / "bronze"), {"second_opinion": "10D", "opinions_on": ["BBB"]}
    sessions = 22
    # Ten days before the first of February eight sessions lie within the window.
    assert keep(store, chain(yahoo, vantage, **options), yahoo.now) == 2 * sessions + 8
    assert [asked.query["symbol"] for asked in vantage.requests] == ["BBB"]
    keep(store, chain(yahoo, vantage, **options), yahoo.now)
    assert len(vantage.requests) == 1
    yahoo.now = vantage.now = at("2024-02-02 20:00")
    assert keep(store, chain(yahoo, vantage, **options), yahoo.now) == 3
    assert len(vantage.requests) == 2
    rows = store.all()
    opinions = rows[rows["asked_as"].eq("second_opinion")]
    assert opinions["_source"].unique().tolist() == ["own:alpha_vantage-plain"]
    assert opinions["instrument"].unique().tolist() == ["BBB"]
    assert len(opinions) == 9
    # Who contradicts is there before, or with, what it contradicts.
    first = rows[~rows["asked_as"].eq("second_opinion")]["_received_at"].min()
    assert opinions["_received_at"].min() <= first
    cleaned = clean_bars(rows, RULES)
    assert cleaned.quarantine.empty
    assert (len(cleaned.silver), cleaned.tally.agreement.compared) == (2 * sessions + 2, 9)


def test_a_provider_that_lies_for_a_day_is_found_and_the_rest_goes_on(yahoo, vantage, tmp_path):
    day = yahoo.listings["BBB"].bars.index[-45]
    yahoo.listings["BBB"].bars.loc[day, ["open", "high", "low", "close", "adj_close"]] *= 100
    store = BronzeStore(tmp_path / "bronze")
    keep(store, chain(yahoo, vantage, second_opinion="30D"), yahoo.now)
    rows = store.all()
    cleaned = clean_bars(rows, RULES)
    assert cleaned.quarantine[["instrument", "rule"]].to_numpy().tolist() == [["BBB", "provider_disagreement"]]
    (found,) = clean_bars_and_actions(rows, RULES).compared.differences.to_dict("records")
    assert (found["instrument"], found["provider"], found["other"]) == ("BBB", "yahoo-1d", "alpha_vantage-plain")


def test_who_is_to_contradict_may_be_down(yahoo, vantage, tmp_path, caplog):
    store = BronzeStore(tmp_path / "bronze")
    vantage.queue("/query", *[failing(500)] * 4)
    assert keep(store, chain(yahoo, vantage, second_opinion="10D"), yahoo.now) == 2 * 22
    assert "Not all second opinions could be had" in caplog.text
    assert not Coverage.read(store.folder).of("BBB by alpha_vantage-plain")
    # The next run asks again.
    assert keep(store, chain(yahoo, vantage, second_opinion="10D"), yahoo.now) == 2 * 8


def test_who_stands_in_is_named_in_every_row(yahoo, vantage, tmp_path):
    store = BronzeStore(tmp_path / "bronze")
    yahoo.queue(path_of("AAA"), failing(500), failing(500))
    keep(store, chain(yahoo, vantage), yahoo.now)
    assert store.all().groupby("instrument")["_source"].unique().map(list).to_dict() == {
        "AAA": ["own:alpha_vantage-plain"],
        "BBB": ["own:yahoo-1d"],
    }


def test_options_that_cannot_be_are_refused(yahoo, vantage):
    with pytest.raises(ConfigurationError, match="expected a length of time such as 30D"):
        chain(yahoo, vantage, second_opinion="soon")
    with pytest.raises(ConfigurationError, match="of macro: expected bars"):
        chain(yahoo, vantage, table="macro", second_opinion="3D")
    with pytest.raises(UnknownNameError, match="instrument for a second opinion"):
        chain(yahoo, vantage, second_opinion="3D", opinions_on=["AAB"])
