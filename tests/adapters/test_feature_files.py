"""What is scored is read whole or not at all, a piece at a time, whatever the file is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.feature_files import read_features, require_known, write_rows
from finq_predictor.domain.errors import DataError

ENDINGS = ("parquet", "arrow", "feather", "csv")


@pytest.fixture
def rows():
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "ts": pd.date_range("2024-01-01", periods=25, freq="h", tz="UTC"),
            "instrument": pd.array([f"S{number % 4}" for number in range(25)], dtype="str"),
            "beta": chance.normal(size=25),
            "unread": 1.0,
            "alpha": chance.normal(size=25),
        }
    )
    frame.loc[3, "alpha"] = np.nan
    return frame


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_come_back_in_their_order_piece_by_piece(rows, tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    assert write_rows(file, [rows.head(9), rows.iloc[9:9], rows.tail(16)]) == 25
    pieces = list(read_features(file, ["alpha", "beta"], piece=10))
    assert max(map(len, pieces)) <= 10
    back = pd.concat(pieces, ignore_index=True)[["ts", "instrument", "alpha", "beta"]]
    wanted = rows[["ts", "instrument", "alpha", "beta"]]
    pd.testing.assert_frame_equal(back, wanted, check_dtype=False, check_exact=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_words_that_only_a_later_piece_has_are_written(rows, tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    reasons = [pd.Series([None] * 9, dtype=object), pd.Series([None] * 15 + ["low confidence"], dtype=object)]
    pieces = [rows.head(9).assign(reason=reasons[0]), rows.tail(16).reset_index(drop=True).assign(reason=reasons[1])]
    write_rows(file, pieces)
    reader = {"parquet": pd.read_parquet, "csv": pd.read_csv}.get(ending, pd.read_feather)
    assert reader(file)["reason"].dropna().tolist() == ["low confidence"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_that_is_missing_is_named_with_its_near_miss(rows, tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    write_rows(file, [rows])
    with pytest.raises(DataError, match=r"lacks 2 of 5 columns: alfa, gamma\. Did you mean 'alpha'\? Nothing"):
        list(read_features(file, ["alfa", "beta", "gamma"]))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_such_file_is_said(tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    with pytest.raises(DataError, match="There is no file"):
        list(read_features(file, ["alpha"]))
    file.write_bytes(b"\xff\xfe\x00 what is none of them")
    with pytest.raises(DataError, match=f"cannot be read as {ending}|lacks 3 of 3"):
        list(read_features(file, ["alpha"]))


def test_a_row_without_a_time_is_refused(rows, tmp_path):
    file = tmp_path / "rows.csv"
    write_rows(file, [rows.assign(ts=rows["ts"].where(rows.index != 7))])
    with pytest.raises(DataError, match="has 1 rows without ts"):
        list(read_features(file, ["alpha"]))


def test_an_unknown_ending_is_refused_before_anything_is_read(rows, tmp_path):
    with pytest.raises(DataError, match=r"ends in '.xlsx'; expected one of .parquet, .arrow, .feather, .csv"):
        require_known(tmp_path / "rows.xlsx")
    with pytest.raises(DataError, match="ends in 'nothing'"):
        write_rows(tmp_path / "rows", [rows])


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_fails_half_way_leaves_what_was_there(rows, tmp_path, ending):
    file = tmp_path / f"rows.{ending}"
    write_rows(file, [rows])
    before = file.read_bytes()

    def broken():
        yield rows.head(9)
        raise DataError("the second piece cannot be scored")

    with pytest.raises(DataError, match="second piece"):
        write_rows(file, broken())
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
