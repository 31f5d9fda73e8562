"""A folder of files is one table: only what is new or changed is read, and nothing that was delivered is taken back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from catching_up_runs import kept
from finq_predictor.adapters.bronze import store
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.datasets.source import SourceDataset
from finq_predictor.adapters.sources.folder import FolderSource, file_or_folder
from finq_predictor.adapters.sources.making import make_source
from finq_predictor.adapters.sources.own_file import OwnFileSource
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.records import clean_articles
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import MARKETS

DAYS = pd.bdate_range("2024-01-02", periods=5).strftime("%Y-%m-%d")
RULES = Rules(MARKETS["equity"])


def bars(name: str = "AAA", days=DAYS, level: float = 100.0, **extra) -> pd.DataFrame:
    close = level + np.arange(len(days))
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000}
    return pd.DataFrame({"ticker": name, "date": days, **prices, **extra})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def run(folder: Path, table: str = "bars", **options) -> pd.DataFrame:
    """What is kept after a run."""
    held = folder.parent / "bronze"
    catalog = {
        "class": "finq_predictor.adapters.sources.folder.file_or_folder",
        "table": table,
        "filepath": str(folder),
    }
    bronze = BronzeDataset(str(held))
    bronze.save(SourceDataset({**catalog, **options}, asking={"held": str(held)}).load())
    return bronze.load()


def reads(monkeypatch) -> list[str]:
    """The names of the files that are read from now on."""
    names: list[str] = []
    read = OwnFileSource.read

    def noted(source: OwnFileSource) -> pd.DataFrame:
        names.append(source._path.name)
        return read(source)

    monkeypatch.setattr(OwnFileSource, "read", noted)
    return names


def test_the_second_run_reads_what_is_new_or_changed_only(folder, monkeypatch):
    bars("AAA").to_csv(folder / "a.csv", index=False)
    bars("BBB").to_csv(folder / "b.csv.gz", index=False)
    (folder / "more").mkdir()
    bars("CCC").to_parquet(folder / "more" / "c.parquet")
    assert len(run(folder)) == 15
    names = reads(monkeypatch)
    os.utime(folder / "a.csv")
    assert len(run(folder)) == 15
    assert names == []
    bars("DDD").to_csv(folder / "d.csv", index=False)
    changed = bars("BBB")
    changed.loc[2, "volume"] = 7
    changed.to_csv(folder / "b.csv.gz", index=False)
    rows = run(folder)
    assert set(names) == {"a.csv", "b.csv.gz", "d.csv"}, "the first file says which columns there are"
    # Of a changed file the rows that say something else are new.
    assert len(rows) == 15 + 5 + 1
    assert rows.groupby("ticker").size().to_dict() == {"AAA": 5, "BBB": 6, "CCC": 5, "DDD": 5}
    assert rows["_source"].nunique() == 1
    cleaned = clean_bars(rows, RULES)
    assert len(cleaned.silver) == 20
    # What is changed long after its decision stays what it was known to be.
    assert cleaned.tally.rules == {"late_correction": 1}


def test_what_is_gone_takes_nothing_back_and_comes_only_once(folder):
    bars("AAA").to_csv(folder / "a.csv", index=False)
    bars("BBB").to_csv(folder / "b.csv", index=False)
    first = run(folder)
    (folder / "a.csv").unlink()
    pd.testing.assert_frame_equal(run(folder), first)
    bars("AAA").to_csv(folder / "a.csv", index=False)
    pd.testing.assert_frame_equal(run(folder), first)


def test_the_name_of_a_file_names_its_instrument_where_no_column_does(folder):
    for name in ("AAA.csv", "BRK.B.csv", "EUR_USD_H1_2016.csv"):
        bars().drop(columns="ticker").to_csv(folder / name, index=False)
    assert sorted(run(folder)["instrument"].unique()) == ["AAA", "BRK", "EUR_USD"]


def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(folder, caplog):
    bars("AAA").to_parquet(folder / "a.parquet")
    bars("BBB").to_parquet(folder / "b.parquet")
    whole = (folder / "b.parquet").read_bytes()
    (folder / "b.parquet").write_bytes(whole[: len(whole) // 2])
    bars("CCC").to_parquet(folder / "c.parquet")
    rows = run(folder)
    assert rows["ticker"].unique().tolist() == ["AAA", "CCC"]
    assert "b.parquet (run parameter `bars`) cannot be read as parquet" in rows.attrs["notes"][0]
    assert "1 of 3 files could not be taken" in caplog.text
    # When it has been written to its end, it comes.
    (folder / "b.parquet").write_bytes(whole)
    rows = run(folder)
    assert len(rows) == 15
    assert "notes" not in rows.attrs


def test_other_columns_are_named_with_both_files(folder):
    bars("AAA").to_csv(folder / "a.csv", index=False)
    bars("BBB").rename(columns={"volume": "turnover"}).to_csv(folder / "b.csv", index=False)
    bars("CCC")[["close", "open", "date", "ticker", "volume", "low", "high"]].to_csv(folder / "c.csv", index=False)
    rows = run(folder)
    assert rows["ticker"].unique().tolist() == ["AAA", "CCC"], "their order does not count"
    assert (
        f"{folder}/b.csv has other columns than {folder}/a.csv: it lacks volume and has turnover besides"
        in rows.attrs["notes"][0]
    )


def test_nothing_that_can_be_read_stops_the_run(folder):
    with pytest.raises(DatasetError, match="holds no file that can be read; expected one of: arrow, csv"):
        run(folder)
    (folder / "a.parquet").write_bytes(b"PAR1")
    (folder / ".hidden.csv").write_text("x")
    with pytest.raises(DatasetError, match=r"1 of 1 files could not be taken.*a\.parquet"):
        run(folder)


def test_folders_below_may_be_left_out(folder):
    bars("AAA").to_csv(folder / "a.csv", index=False)
    (folder / "old").mkdir()
    bars("BBB").to_csv(folder / "old" / "b.csv", index=False)
    only = FolderSource(folder, "bars", subfolders=False)
    assert [part.keys[0] for part in only.parts(())] == ["a.csv"]
    assert [part.keys[0] for part in FolderSource(folder, "bars").parts(())] == ["a.csv", "old/b.csv"]


def test_one_part_is_in_memory_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(store, "MOST_FILES", 4)
    for number in range(9):
        bars(f"S{number:02}").to_csv(folder / f"s{number:02}.csv", index=False)
    parts = FolderSource(folder, "bars").parts(())
    assert len(next(parts).frame) == 5
    rows = run(folder)
    # Many deliveries are merged, and the next run still knows each file.
    assert len(list((folder.parent / "bronze").glob("*.parquet"))) < 9
    assert len(rows) == 45
    pd.testing.assert_frame_equal(run(folder), rows)


def test_columns_that_only_the_parameters_know_are_told_apart_as_whole_rows(folder):
    strange = bars("AAA").rename(columns={"date": "stamp_of_ours", "ticker": "RIC2"})
    strange.to_csv(folder / "2024-01.csv", index=False)
    assert FolderSource(folder, "bars").identity == tuple(strange)
    assert list(run(folder).columns[: strange.shape[1]]) == list(strange)


def test_a_file_stays_a_file(tmp_path):
    assert isinstance(file_or_folder(None, "bars"), OwnFileSource)
    assert isinstance(file_or_folder(tmp_path / "a.csv", "bars"), OwnFileSource)
    assert isinstance(file_or_folder(tmp_path, "bars"), FolderSource)


def chain(folder: Path, **options):
    providers = [
        {"class": "finq_predictor.adapters.sources.folder.FolderSource", "filepath": str(folder), "table": "bars"}
        | options
    ]
    return make_source(
        {"class": "finq_predictor.adapters.sources.chain.ChainSource", "table": "bars", "providers": providers}
    )


def test_in_a_chain_it_delivers_windows(folder, tmp_path):
    bars("AAA").drop(columns="ticker").to_csv(folder / "AAA.csv", index=False)
    bars("BBB").drop(columns="ticker").to_csv(folder / "BBB.csv", index=False)
    kept_in, now = store.BronzeStore(tmp_path / "bronze"), pd.Timestamp("2024-01-04 12:00", tz="UTC")
    assert chain(folder).keys == ("AAA", "BBB")
    assert kept(kept_in, chain(folder), now, since="2024-01-03") == 4
    later = pd.Timestamp("2024-02-01", tz="UTC")
    assert kept(kept_in, chain(folder), later, since="2024-01-01") == 6
    assert kept(kept_in, chain(folder), later, since="2024-01-01") == 0
    assert kept_in.all()["_source"].unique().tolist() == [f"own:{FolderSource(folder, 'bars').source_id}"]


def test_in_a_chain_batches_say_which_instruments_they_hold(folder, tmp_path):
    for day in DAYS:
        pd.concat([bars(name, [day]) for name in ("AAA", "BBB")]).to_csv(folder / f"{day}.csv", index=False)
    with pytest.raises(ConfigurationError, match=r"say which ones it has: `instruments: \[...\]`"):
        chain(folder)
    kept_in = store.BronzeStore(tmp_path / "bronze")
    made = chain(folder, instruments=["BBB"])
    assert kept(kept_in, made, pd.Timestamp("2024-02-01", tz="UTC"), since="2024-01-01") == 5


def test_a_window_needs_its_begin():
    with pytest.raises(DatasetError, match="`since` is empty"):
        SourceDataset(
            {"class": "finq_predictor.adapters.sources.rss.RssSource", "feeds": {"a": "https://example.org/a"}},
            asking={"held": "x"},
        ).load()


def test_real_prices_split_into_files_are_those_of_one(shared_data, folder):
    table = pd.read_parquet(shared_data / "equities/sp500_adj_2012-12_2017-12.parquet")
    column = next(name for name in table if name.lower() in ("symbol", "ticker", "name"))
    names = sorted(table[column].unique())[:12]
    part = table[table[column].isin(names)].reset_index(drop=True)
    for name, own in part.groupby(column):
        own.to_parquet(folder / f"{name}.parquet", index=False)
    silver = clean_bars(run(folder), RULES).silver
    whole = clean_bars(part.assign(_source="own:x"), RULES).silver
    pd.testing.assert_frame_equal(silver, whole)


def test_a_folder_of_tweets_goes_through_as_articles(shared_data, folder):
    tweets = pd.read_parquet(shared_data / "text/stocknet_tweets_2014_2015.parquet").head(600)
    tweets.iloc[:300].to_csv(folder / "first.csv.gz", index=False)
    tweets.iloc[250:].to_parquet(folder / "second.parquet", index=False)
    cleaned = clean_articles(run(folder, "articles"), RULES)
    whole = clean_articles(tweets.assign(_source="own:x"), RULES)
    assert len(cleaned.silver) == len(whole.silver) > 300
    assert cleaned.tally.rules["duplicate"] >= 50


def test_an_export_of_reddit_goes_through_as_articles(folder):
    posts = pd.DataFrame(
        {
            "id": ["k1", "k2", "k3"],
            "name": ["t3_k1", "t3_k2", "t3_k3"],
            "ticker": ["GME", "$GME", "AMC"],
            "created_utc": [1_706_000_000, 1_706_000_600, 1_706_001_200],
            "title": ["Short interest is up", "Earnings beat", "Debt is down"],
            "selftext": ["", "By a wide margin.", "[removed]"],
            "subreddit": "stocks",
            "url": "https://example.org/post",
        }
    )
    posts.to_csv(folder / "2024-01.csv", index=False)
    silver = clean_articles(run(folder, "articles"), RULES).silver
    assert silver["instrument"].tolist() == ["GME", "GME", "AMC"]
    assert silver["article_id"].tolist() == ["k1", "k2", "k3"]
    assert silver["known_at"].tolist() == [pd.Timestamp(t, unit="s", tz="UTC") for t in posts["created_utc"]]
    assert silver["body"].tolist()[1] == "By a wide margin."


def test_posts_in_a_file_for_each_share_are_about_that_share(folder):
    posts = pd.DataFrame({"id": ["k1"], "created_utc": [1_706_000_000], "title": ["Up"], "selftext": [""]})
    for name in ("GME.csv", "AMC.csv"):
        posts.assign(id=name).to_csv(folder / name, index=False)
    assert sorted(clean_articles(run(folder, "articles"), RULES).silver["instrument"]) == ["AMC", "GME"]


@pytest.mark.parametrize("form", ["rows", "lists"])
def test_lists_of_the_members_of_an_index_may_come_one_by_one(folder, form):
    for day, names in (("2024-01-02", ["AAA", "BBB"]), ("2024-02-01", ["AAA", "CCC"])):
        members = {"tickers": [",".join(names)]} if form == "lists" else {"ticker": names}
        pd.DataFrame({"date": day, **members}).to_csv(folder / f"{day}.csv", index=False)
        found = clean_membership(run(folder, "membership"), RULES)
    assert found.quarantine.empty
    newest = found.silver.drop_duplicates(["instrument", "since"], keep="last").set_index("instrument")["until"]
    assert newest.isna().to_dict() == {"AAA": True, "BBB": False, "CCC": True}
