"""Releases of FRED: the first one of each period and every revision, by the day on which it was published."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources import fred
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.fred import FredSource
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
)
from finq_predictor.domain.ingestion.records import clean_macro
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market
from provider_replays import FredReplay
from provider_server import cut_off, empty, failing, html, json_answer, throttled

KEY = "key-of-a-test"
DATES, VALUES = "/fred/series/vintagedates", "/fred/series/observations"
RULES = Rules(get_market("equity"))


def at(text: str) -> pd.Timestamp:
    """A moment, UTC."""
    return pd.Timestamp(text, tz="UTC")


# A month is released in the middle of the next one and revised with each of the two releases that follow.
MONTHS = pd.date_range("2023-01-01", "2024-12-01", freq="MS")


def releases(series: str = "CPI", base: float = 100.0) -> pd.DataFrame:
    rows = []
    for number, month in enumerate(MONTHS):
        for revision in range(3):
            day = MONTHS[0] + pd.DateOffset(months=number + 1 + revision, days=11)
            rows.append([series, f"{month:%Y-%m-%d}", f"{base + number + revision / 10:.1f}", f"{day:%Y-%m-%d}"])
    return pd.DataFrame(rows, columns=["series", "date", "value", "realtime_start"])


LATEST = pd.DataFrame({"series": "SP", "date": ["2024-01-01", "2024-01-02"], "value": ["1.5", "2.5"]})


@pytest.fixture
def provider():
    table = pd.concat([releases(), releases("JOBS", 500.0)], ignore_index=True)
    with FredReplay(table, at("2024-07-01 12:00"), LATEST) as server:
        yield server


def source(provider: FredReplay, *series: str, **changes) -> FredSource:
    options = {"base_url": f"{provider.url}/fred", "credentials": {"key": KEY}, "policy": FAST, **changes}
    return FredSource(series or ("CPI",), **options)


keep = partial(kept, since="2024-01-01")


def expected(provider: FredReplay, since: str, before: str, series: str = "CPI") -> set[tuple]:
    rows = provider.releases
    rows = rows[(rows["series"] == series) & (rows["realtime_start"] >= since) & (rows["realtime_start"] < before)]
    return {(s, d, float(v), r) for s, d, v, r in rows.itertuples(index=False)}


def kept(store: BronzeStore, series: str = "CPI") -> list[tuple]:
    rows = store.all()[["series", "date", "value", "realtime_start"]]
    return list(rows[rows["series"] == series].itertuples(index=False, name=None))


def test_each_release_and_each_revision_comes_once_with_its_day(provider, tmp_path):
    store, macro = BronzeStore(tmp_path), source(provider, "CPI", "JOBS")
    assert isinstance(macro, WindowSource)
    keep(store, macro, provider.now)
    for series in ("CPI", "JOBS"):
        rows = kept(store, series)
        # What was valid before the window is not taken for released on its first day.
        assert set(rows) == expected(provider, "2024-01-01", "2024-07-01", series)
        assert len(rows) == len(set(rows)) == 18


def test_the_next_run_asks_for_the_new_days_only_and_for_no_values_when_nothing_was_released(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now)
    provider.requests.clear()
    assert keep(store, source(provider), provider.now) == 0
    assert provider.requests == []
    provider.now = at("2024-07-05 12:00")
    assert keep(store, source(provider), provider.now) == 0
    assert [asked.path for asked in provider.requests] == [DATES]
    provider.requests.clear()
    provider.now = at("2024-07-20 12:00")
    assert keep(store, source(provider), provider.now) == 3
    assert [asked.path for asked in provider.requests] == [DATES, VALUES]
    # The day before the release shows what was valid already.
    assert provider.requests[1].query["realtime_start"] == "2024-07-11"
    assert provider.requests[1].query["realtime_end"] == "2024-07-12"
    assert set(kept(store)) == expected(provider, "2024-01-01", "2024-07-20")


def test_a_day_is_asked_for_when_it_is_over_at_the_provider(provider, tmp_path):
    store = BronzeStore(tmp_path)
    for moment, rows in (("2024-07-12 23:00", 18), ("2024-07-13 04:59", 0), ("2024-07-13 05:00", 3)):
        provider.now = at(moment)
        assert keep(store, source(provider), provider.now) == rows


def test_a_longer_history_is_filled_in_front(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now)
    provider.requests.clear()
    keep(store, source(provider), provider.now, since="2023-06-01")
    # Days are those of the provider, and the last one before the year was part of the first window already.
    assert [asked.query.get("realtime_end") for asked in provider.requests] == [None, "2023-12-12"]
    rows = kept(store)
    assert set(rows) == expected(provider, "2023-06-01", "2024-07-01")
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("again", ["0h", "40D"])
def test_windows_of_any_cut_give_the_same_rows(provider, tmp_path, again):
    store = BronzeStore(tmp_path)
    for moment in pd.date_range("2024-01-03 13:00", "2024-07-01 12:00", freq="173h", tz="UTC"):
        keep(store, source(provider), moment, again)
    rows = kept(store)
    assert set(rows) == expected(provider, "2024-01-01", str(moment.date()))
    assert len(rows) == len(set(rows))


def test_in_silver_a_release_is_known_at_the_end_of_its_day_and_a_revision_from_its_own(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now)
    cleaned = clean_macro(store.all(), RULES)
    assert cleaned.quarantine.empty
    january = cleaned.silver[cleaned.silver["period"] == "2024-01-01"]
    assert january["value"].tolist() == [112.0, 112.1, 112.2]
    ends = ["2024-02-12 23:59:59.999999", "2024-03-12 23:59:59.999999", "2024-04-12 23:59:59.999999"]
    assert january["known_at"].tolist() == list(map(at, ends))


def test_many_vintages_and_many_values_come_in_parts_that_can_be_resumed(provider, tmp_path, monkeypatch):
    monkeypatch.setattr(fred, "MOST_VINTAGES", 4)
    provider.most_vintages, provider.most_observations = 5, 7
    store, plan = BronzeStore(tmp_path), Plan(at("2023-01-01"), provider.now, pd.Timedelta(0))
    frames = catch_up(source(provider), Coverage(), plan)
    for frame in (next(frames), next(frames)):
        store.keep_part(frame, question_of(frame))
    frames.close()
    assert Coverage.read(tmp_path).of("CPI") == [(at("2023-01-01 00:00") - pd.Timedelta("18h"), at("2023-09-13 05:00"))]
    provider.requests.clear()
    keep(store, source(provider), provider.now, since="2023-01-01")
    values = next(asked for asked in provider.requests if asked.path == VALUES)
    assert values.query["realtime_start"] == "2023-10-11"
    rows = kept(store)
    assert set(rows) == expected(provider, "2023-01-01", "2024-07-01")
    assert len(rows) == len(set(rows))


def test_a_dot_is_no_value(provider, tmp_path):
    provider.releases.loc[provider.releases["date"] == "2024-01-01", "value"] = "."
    store = BronzeStore(tmp_path)
    assert keep(store, source(provider), provider.now) == 15
    assert store.all()["value"].notna().all()


def test_a_series_without_an_archive_is_named_and_holds_up_no_other(provider, tmp_path, caplog):
    store = BronzeStore(tmp_path)
    assert keep(store, source(provider, "SP", "NONE", "CPI"), provider.now) == 18
    assert "2 of 3 could not be had. SP: FRED keeps no archive of SP" in caplog.text
    assert "Set `vintages: false`" in caplog.text
    assert "NONE: fred says no" in caplog.text
    assert "The series does not exist." in caplog.text


def test_without_vintages_values_are_known_when_they_were_received(provider, tmp_path):
    store, latest = BronzeStore(tmp_path), source(provider, "SP", vintages=False)
    assert latest.source_id == "fred-latest"
    assert keep(store, latest, provider.now) == 2
    for days in range(1, 30, 7):
        provider.now = at("2024-07-01 12:00") + pd.Timedelta(days=days)
        assert keep(store, source(provider, "SP", vintages=False), provider.now) == 0
    provider.latest = LATEST.assign(value=["1.5", "2.6"])
    assert keep(store, source(provider, "SP", vintages=False), provider.now + pd.Timedelta(hours=1)) == 1
    raw = store.all()
    silver = clean_macro(raw, RULES).silver
    assert silver["value"].tolist() == [1.5, 2.5, 2.6]
    assert silver["known_at"].tolist() == raw["_received_at"].tolist()


def test_a_key_that_is_not_accepted_is_said_with_the_place_where_it_belongs(provider):
    refused = source(provider, credentials={"key": "an-old-key"})
    with pytest.raises(SourceRefusedError, match=r"api_key is not registered.*FINQ_FRED_KEY") as caught:
        list(refused.fetch(["CPI"], at("2024-01-01"), at("2024-02-01"), at("2024-02-01")))
    assert "an-old-key" not in str(caught.value)
    assert "an-old-key" not in str(refused.calls.frame().to_dict())
    assert len(provider.requests) == 1


def observation(value: object = "1.5", start: str = "2024-02-12", period: str = "2024-01-01") -> dict:
    return {"realtime_start": start, "realtime_end": "2024-02-12", "date": period, "value": value}


def values(*rows: dict, **changes) -> dict:
    asked = {"realtime_start": "2024-02-11", "realtime_end": "2024-02-12"}
    return {**asked, "count": len(rows), "observations": list(rows), **changes}


def fetched(provider) -> pd.DataFrame:
    window = at("2024-02-01 06:00"), at("2024-02-29 06:00"), at("2024-03-05")
    return pd.concat([part.frame for part in source(provider).fetch(["CPI"], *window)])


@pytest.mark.parametrize(
    ("path", "answers", "error", "words", "requests"),
    [
        (DATES, [failing(500), failing(500)], SourceUnavailableError, "fred", 2),
        (DATES, [throttled(), throttled()], SourceUnavailableError, "429", 2),
        (DATES, [throttled(3600)], SourceUnavailableError, "Come back in 3,600 s", 1),
        (DATES, [html()], SourceAnswerError, "page", 1),
        (DATES, [empty()], SourceAnswerError, "empty", 1),
        (DATES, [cut_off(), cut_off()], SourceAnswerError, "cut off", 2),
        (DATES, [json_answer({"vintages": []})], SourceAnswerError, "another form.*vintage_dates", 1),
        (DATES, [json_answer({"error_message": "Bad Request.  No."}, 400)], SourceError, "Bad Request", 1),
        (VALUES, [json_answer([])], SourceAnswerError, "another form", 1),
        (VALUES, [json_answer(values(observation("n/a")))], SourceAnswerError, "another form.*n/a", 1),
        (VALUES, [json_answer(values(observation(start="soon")))], SourceAnswerError, "another form.*soon", 1),
        (VALUES, [json_answer(values({"value": "1"}))], SourceAnswerError, "another form.*'date'", 1),
        (VALUES, [html()], SourceAnswerError, "page", 1),
    ],
)
def test_what_is_no_answer_is_named_and_nothing_of_it_is_kept(provider, path, answers, error, words, requests):
    provider.queue(path, *answers)
    with pytest.raises(error, match=rf"(?s){words}") as caught:
        fetched(provider)
    assert provider.count(path) == requests
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "rows"),
    [
        ([failing(503), json_answer(values(observation()))], [1.5]),
        ([throttled(0), json_answer(values(observation()))], [1.5]),
        ([cut_off(), json_answer(values(observation()))], [1.5]),
        # Out of order, twice, of another day, and with what nobody knows yet.
        (
            [json_answer(values(observation(2, period="2023-12-01"), observation(), observation(), news=1))],
            [2.0, 1.5],
        ),
        ([json_answer(values(observation(), observation("9", start="2024-02-11")))], [1.5]),
        ([json_answer(values(observation(".")))], []),
        ([json_answer(values())], []),
    ],
)
def test_what_is_an_answer_after_all_is_kept_as_it_came(provider, answers, rows):
    provider.queue(VALUES, *answers)
    assert fetched(provider)["value"].tolist() == rows


def test_a_page_that_is_empty_ends_a_list_that_says_it_is_longer(provider):
    provider.queue(VALUES, json_answer(values(observation(), count=5)), json_answer(values(count=5)))
    assert fetched(provider)["value"].tolist() == [1.5]


def test_options_that_cannot_be_are_refused(monkeypatch):
    monkeypatch.delenv("FINQ_FRED_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no key for fred.*FINQ_FRED_KEY"):
        FredSource(["CPI"])
    monkeypatch.setenv("FINQ_FRED_KEY", KEY)
    assert FredSource(["CPI"]).source_id == "fred"
    with pytest.raises(ConfigurationError, match="belongs to no catalog"):
        FredSource(["CPI"], base_url="https://user:password@example.com")


def released_next_day(table: pd.DataFrame, series: str, holidays: bool = False) -> pd.DataFrame:
    """A real series of today with days of release as they are usual, for want of its archive."""
    days = pd.to_datetime(table["date"])
    values = table.set_index(days)[series].map("{:.2f}".format)
    if holidays:
        values = values.reindex(pd.bdate_range(days.min(), days.max())).fillna(".")
    release = values.index + pd.offsets.BDay(1) if holidays else values.index + pd.DateOffset(months=1, days=11)
    columns = {"date": values.index.strftime("%Y-%m-%d"), "value": values.to_numpy()}
    return pd.DataFrame({"series": series, **columns, "realtime_start": release.strftime("%Y-%m-%d")})


def test_real_series_go_through_as_they_are(shared_data, tmp_path):
    folder = shared_data / "macro"
    prices, rates = (
        pd.read_csv(folder / f"fred_{name}.csv.gz").query("date < '2026'") for name in ("CPIAUCSL", "DGS10")
    )
    first = released_next_day(prices, "CPIAUCSL")
    # Each January the seasonal factors of the year before are revised.
    revised = first[first["date"].str.slice(0, 4) == "2015"].assign(realtime_start="2016-02-19")
    revised["value"] = [f"{float(value) + 0.05:.2f}" for value in revised["value"]]
    table = pd.concat([first, revised, released_next_day(rates, "DGS10", holidays=True)], ignore_index=True)
    # More than 2,000 days of release, so that the provider has to be asked in parts.
    with FredReplay(table, at("2026-06-01 12:00")) as provider:
        store = BronzeStore(tmp_path)
        keep(store, source(provider, "CPIAUCSL", "DGS10"), provider.now, since="2003-01-01")
    cleaned = clean_macro(store.all(), RULES)
    assert cleaned.quarantine.empty
    kept = cleaned.silver.groupby("series").size()
    assert kept.to_dict() == {"CPIAUCSL": len(prices) + 12, "DGS10": len(rates)}
    may = cleaned.silver[(cleaned.silver["series"] == "CPIAUCSL") & (cleaned.silver["period"] == "2015-05-01")]
    assert may["value"].diff().iloc[-1] == pytest.approx(0.05)
    assert may["known_at"].dt.strftime("%Y-%m-%d").tolist() == ["2015-06-12", "2016-02-19"]
