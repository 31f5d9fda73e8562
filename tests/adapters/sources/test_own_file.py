from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.sources.own_file import OwnFileSource
from finq_predictor.domain.errors import ConfigurationError, SourceError

ROWS = [{"symbol": "NA", "date": "2024-01-02", "close": 1.5}, {"symbol": "TRUE", "date": "2024-01-03", "close": None}]
FRAME = pd.DataFrame(ROWS)


def read(path, **options):
    return OwnFileSource(str(path), "bars", **options).read()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", lambda path: FRAME.to_csv(path, index=False)),
        ("a.csv.gz", lambda path: FRAME.to_csv(path, index=False)),
        ("a.txt", lambda path: FRAME.to_csv(path, index=False, sep=";")),
        ("a.tsv.gz", lambda path: FRAME.to_csv(path, index=False, sep="\t")),
        ("a.parquet", lambda path: FRAME.to_parquet(path)),
        ("a.feather", lambda path: FRAME.to_feather(path)),
        ("a.json", lambda path: FRAME.to_json(path, orient="records")),
        ("a.JSON", lambda path: FRAME.to_json(path)),
        ("a.ndjson", lambda path: FRAME.to_json(path, orient="records", lines=True)),
        ("a.jsonl.gz", lambda path: FRAME.to_json(path, orient="records", lines=True)),
    ],
)
def test_every_format(tmp_path, name, write):
    write(tmp_path / name)
    frame = read(tmp_path / name)
    assert frame["symbol"].tolist() == ["NA", "TRUE"]
    assert frame["date"].tolist() == ["2024-01-02", "2024-01-03"]
    assert frame["close"].iloc[0] == 1.5
    assert pd.isna(frame["close"].iloc[1])


def test_index_with_dates_is_a_column(tmp_path):
    indexed = pd.DataFrame({"close": [1.0]}, index=pd.DatetimeIndex(["2024-01-02"], name="Date"))
    indexed.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").columns.tolist() == ["Date", "close"]


def test_answer_of_a_candle_service(tmp_path):
    answer = {
        "instrument": "EUR_USD",
        "granularity": "H1",
        "candles": [{"complete": True, "time": "2016-10-17T15:00:00.000000000Z", "mid": {"o": "1.1", "c": "1.2"}}],
    }
    (tmp_path / "a.json").write_text(json.dumps(answer))
    frame = read(tmp_path / "a.json")
    assert frame.loc[0, ["instrument", "mid_o", "mid_c"]].tolist() == ["EUR_USD", "1.1", "1.2"]


def test_absent_file_suggests_its_neighbours(tmp_path):
    (tmp_path / "prices.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match=r"run parameter `quotes`.*Did you mean 'prices\.csv'"):
        read(tmp_path / "price.csv", parameter="quotes")
    with pytest.raises(SourceError, match="There is no folder"):
        read(tmp_path / "no" / "price.csv")


def test_unknown_format_lists_the_known(tmp_path):
    (tmp_path / "a.xlsb").write_text("")
    with pytest.raises(SourceError, match=r"a\.xlsb cannot be read\. Unknown file format 'xlsb'\. .*csv"):
        read(tmp_path / "a.xlsb")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.parquet", "a.json", "a.ndjson.gz"])
def test_cut_off_file_is_named(tmp_path, name):
    path = tmp_path / name
    content = pd.DataFrame({"close": range(5000)})
    if "parquet" in name:
        content.to_parquet(path)
    elif "csv" in name:
        content.to_csv(path)
    else:
        content.to_json(path, orient="records", lines="nd" in name)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match=rf"{name}.*cannot be read as.*deliver it again"):
        read(path)


def test_needed_file_names_its_parameter():
    with pytest.raises(ConfigurationError, match=r'No file was given for the bars.*--params "quotes=FILE"'):
        OwnFileSource(None, "bars", parameter="quotes", required=True).read()
    assert OwnFileSource(None, "articles").read().empty


def test_equal_names_in_two_folders_are_two_sources(tmp_path):
    ids = {OwnFileSource(str(tmp_path / folder / "x.csv"), "bars").source_id for folder in ("a", "b")}
    assert len(ids) == 2
    assert all(found.startswith("x.csv#") for found in ids)


def test_byte_order_mark_is_no_part_of_a_name(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8-sig") as file:
        file.write("Date,Close\n2024-01-02,1\n")
    assert read(tmp_path / "a.csv.gz").columns.tolist() == ["Date", "Close"]


@pytest.mark.parametrize(
    ("given", "kind"), [(["a.csv", "b.csv"], "list"), (("a.csv",), "tuple"), ({"a": "a.csv"}, "dict"), (3, "int")]
)
def test_anything_but_one_file_is_refused(given, kind):
    with pytest.raises(ConfigurationError, match=rf"run parameter `quotes`\) is .*, a {kind}; .*one file.*quotes=FILE"):
        OwnFileSource(given, "bars", parameter="quotes")


def test_a_path_is_the_name_of_a_file(tmp_path):
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    assert len(OwnFileSource(tmp_path / "a.csv", "bars").read()) == 2


def _bomb(path: Path, opener: Callable[..., Any]) -> Path:
    with opener(path, "wb") as file:
        file.write(b"time,close\n")
        for _ in range(70):
            file.write(b"0" * (1 << 20))
    return path


@pytest.mark.parametrize(("suffix", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
def test_a_file_that_grows_without_bound_is_refused_before_it_fills_the_memory(tmp_path, suffix, opener):
    path = _bomb(tmp_path / f"a.csv{suffix}", opener)
    assert path.stat().st_size < 200_000
    with pytest.raises(SourceError, match=r"unpacked it is larger than 64 MiB, [\d,]+ times its size"):
        read(path)


def test_an_archive_holds_one_table(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", "time,close\n1,2\n")
    assert read(tmp_path / "a.csv.zip")["close"].tolist() == [2]
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("a.csv", "time,close\n1,2\n")
        archive.writestr("b.csv", "time,close\n1,2\n")
    with pytest.raises(SourceError, match="the archive holds 2 files, expected one table"):
        read(tmp_path / "b.csv.zip")


def test_a_table_that_claims_more_cells_than_its_size_can_hold_is_refused(tmp_path):
    zeros = pd.DataFrame({"close": np.zeros(10_000_000)})
    zeros.to_parquet(tmp_path / "a.parquet")
    zeros.to_feather(tmp_path / "a.feather", compression="zstd")
    pd.DataFrame({"close": [None] * 10_000_000}).to_feather(tmp_path / "b.feather")
    for name in ("a.parquet", "a.feather", "b.feather"):
        assert (tmp_path / name).stat().st_size < 200_000
        with pytest.raises(SourceError, match=r"it says that it holds 10,000,000 values"):
            read(tmp_path / name)


def test_a_table_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path):
    """Few cells, each of megabytes."""
    texts = pd.DataFrame({"text": [letter * 12_000_000 for letter in "abcdefgh"]})
    texts.to_parquet(tmp_path / "a.parquet", compression="zstd")
    texts.to_feather(tmp_path / "a.feather", compression="zstd")
    for name in ("a.parquet", "a.feather"):
        assert (tmp_path / name).stat().st_size < 200_000
        with pytest.raises(SourceError, match=r"it says that it holds 8 values in 96,0\d\d,\d\d\d bytes"):
            read(tmp_path / name)
