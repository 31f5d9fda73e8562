"""Alpha158 beside qlib: figures that it computed for made-up prices, and all of it on real bars if there are any."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel, build_panel

EQUITY = get_market("equity")
ALPHA = members_of("alpha158")
PROJECT = Path(__file__).resolve().parents[3]
PEERS = PROJECT / ".venv-peers" / "bin" / "python"
REAL = PROJECT.parent / "shared/data/equities/sp500_adj_2012-12_2017-12.parquet"
BY_QLIB = Path(__file__).with_name("alpha158_by_qlib.csv")
DAYS = 90
PRICES = ("open", "high", "low", "close", "vwap")
# What is counted where bars are missing: qlib takes a missing bar for the highest, the lowest and one without a rise.
COUNTED = ("IMAX", "IMIN", "IMXD", "CNTP", "CNTN", "CNTD")
# It knows no volume as a very small one.
BY_VOLUME = ("VMA", "VSTD")


def made_up_bars() -> pd.DataFrame:
    """Prices that no generator of numbers can change: one without holes, one that comes late, one that stands still."""
    ts = pd.bdate_range("2021-01-04", periods=DAYS, tz="UTC").as_unit("us")
    rows = []
    for number, (name, begin) in enumerate((("AAA", 0), ("BBB", 53), ("CCC", 0))):
        for day in range(begin, DAYS):
            wave = math.sin(0.7 * day + number) + 0.6 * math.cos(0.13 * day * day) + 0.02 * day
            close = 100.0 if name == "CCC" and day < 70 else round(20.0 * (number + 1) + 2.0 * wave, 2)
            opened = round(close + 0.8 * math.cos(1.9 * day), 2) if close != 100.0 else close
            high = round(max(opened, close) + 0.3 * abs(math.sin(2.3 * day)), 2) if close != 100.0 else close
            low = round(min(opened, close) - 0.4 * abs(math.sin(1.1 * day)), 2) if close != 100.0 else close
            volume = float(round(50_000 * (1.5 + math.sin(0.9 * day * (number + 1)))))
            vwap = round((high + low + close) / 3.0, 2)
            rows.append((ts[day], name, opened, high, low, close, volume, vwap))
    table = pd.DataFrame(rows, columns=["ts", "instrument", "open", "high", "low", "close", "volume", "vwap"])
    # As they lie in 32 bits, in which qlib keeps them.
    for name in (*PRICES, "volume"):
        table[name] = table[name].astype("float32").astype("float64")
    return table


def alpha(panel: Panel) -> pd.DataFrame:
    return compute_features(panel, make_feature_set(select_features(EQUITY, panel.available, members=ALPHA)))


@pytest.fixture(scope="module")
def made_up() -> pd.DataFrame:
    return alpha(build_panel(made_up_bars(), EQUITY))


def test_names_and_order_are_those_of_qlib(made_up):
    assert list(made_up.columns[2:]) == list(pd.read_csv(BY_QLIB, nrows=0).columns[2:])
    assert len(made_up.columns[2:]) == 158


def test_values_are_those_that_qlib_computed(made_up):
    theirs = pd.read_csv(BY_QLIB, parse_dates=["ts"])
    ours = theirs[["ts", "instrument"]].merge(made_up, on=["ts", "instrument"], how="left", validate="one_to_one")
    assert set(theirs["instrument"]) == {"AAA", "BBB", "CCC"}
    for name in theirs.columns[2:]:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-7, err_msg=name)


def test_a_price_that_is_not_delivered_is_left_out():
    panel = build_panel(made_up_bars().drop(columns="vwap"), EQUITY)
    names = [spec.name for spec in select_features(EQUITY, panel.available, members=ALPHA)]
    assert len(names) == 157
    assert "VWAP0" not in names


def test_first_bars_are_answered_from_what_there_is(made_up):
    first = made_up[made_up["instrument"] == "BBB"].head(2).set_index("ts")
    assert (first["MA60"].iloc[0], first["MAX60"].notna().all()) == (1.0, True)
    assert math.isnan(first["STD60"].iloc[0])
    assert math.isnan(first["ROC5"].iloc[0])
    assert first["STD60"].iloc[1] > 0.0


def test_a_missing_bar_counts_as_nothing():
    bars = made_up_bars()
    bars = bars[bars["instrument"] == "AAA"].reset_index(drop=True)
    whole, hole = alpha(build_panel(bars, EQUITY)), bars.copy()
    hole.loc[80, [*PRICES, "volume"]] = np.nan
    last = alpha(build_panel(hole, EQUITY)).iloc[-1]
    assert last["MA20"] == pytest.approx(bars["close"].iloc[-20:].drop(80).mean() / bars["close"].iloc[-1], rel=1e-12)
    # It is neither the highest nor the lowest, and no rise that failed.
    rises = bars["close"].drop(80).diff().iloc[-19:] > 0
    rises.loc[81] = False
    assert last["CNTP20"] == pytest.approx(rises.mean())
    highest = bars["high"].iloc[-20:].drop(80).idxmax()
    assert last["IMAX20"] == pytest.approx((highest - bars.index[-20] + 1) / 20)
    assert not math.isnan(whole["IMAX20"].iloc[-1])


def test_nothing_over_nothing_is_nothing_and_something_over_it_is_missing():
    bars = made_up_bars()
    bars = bars[bars["instrument"] == "AAA"].reset_index(drop=True)
    bars.loc[89, "volume"] = 0.0
    assert math.isnan(alpha(build_panel(bars, EQUITY))["VMA5"].iloc[-1])
    bars.loc[80:, "volume"] = 0.0
    last = alpha(build_panel(bars, EQUITY)).iloc[-1]
    assert (last["VMA5"], last["VSTD5"], last["VSUMP5"]) == (0.0, 0.0, 0.0)
    # Of a bar without a range nothing is above or below.
    still = alpha(build_panel(made_up_bars(), EQUITY)).query("instrument == 'CCC'").iloc[60]
    assert (still["KMID2"], still["KUP2"], still["RSV60"], still["STD60"]) == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(still["RSQR60"])


def near_holes(bars: pd.DataFrame, rows: pd.DataFrame, n: int) -> np.ndarray:
    """Whether a bar is missing among the last n + 1 of an instrument that was there before."""
    close = bars.pivot(index="ts", columns="instrument", values="close")
    missing = close.isna() & close.ffill().notna() & close.bfill().notna()
    near = missing.rolling(n + 1, min_periods=1).max() > 0
    place = (close.index.get_indexer(rows["ts"]), close.columns.get_indexer(rows["instrument"]))
    return near.to_numpy()[place]


@pytest.mark.skipif(not PEERS.is_file(), reason="qlib is not there; `make .venv-peers/.ready` installs it")
@pytest.mark.skipif(
    not REAL.is_file(), reason="the real bars lie beside the project, ../shared/data, and are not there"
)
@pytest.mark.parametrize(
    "symbols", [pytest.param(10, id="some"), pytest.param(None, id="all", marks=pytest.mark.proof)]
)
def test_values_on_real_bars_are_those_of_qlib(tmp_path, symbols):
    bars = pd.read_parquet(REAL).rename(columns={"symbol": "instrument", "date": "ts"}).dropna()
    bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]")
    bars = bars.drop_duplicates(["ts", "instrument"])
    if symbols:
        # Those with most holes, and some without.
        days = bars.groupby("instrument").size().sort_values()
        names = {*days.index[:: len(days) // symbols], *days.index[:4]}
        bars = bars[bars["instrument"].isin(names) & (bars["ts"] < "2014-01-01")]
    # Files are named after symbols, in small letters.
    bars["instrument"] = "S" + bars["instrument"].astype("category").cat.codes.astype("str").str.zfill(4)
    factor = bars["adj_close"] / bars["close"]
    bars = bars.assign(**{name: bars[name] * factor for name in PRICES[:4]}, volume=bars["volume"] / factor)
    columns = [*PRICES[:4], "volume"]
    bars[columns] = bars[columns].astype("float32")
    bars[["ts", "instrument", *columns]].to_parquet(tmp_path / "bars.parquet")
    asked = [PEERS, PROJECT / "tests/peers.py", tmp_path / "bars.parquet", tmp_path / "store", "--double"]
    done = subprocess.run([*asked, "--out", tmp_path / "theirs.parquet"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["columns"] == 158
    theirs = pd.read_parquet(tmp_path / "theirs.parquet")
    theirs = theirs.assign(ts=theirs["ts"].dt.tz_localize("UTC"), instrument=theirs["instrument"].astype("str"))
    ours = alpha(build_panel(bars[["ts", "instrument", *columns]].astype(dict.fromkeys(columns, "float64")), EQUITY))
    theirs = ours[["ts", "instrument"]].merge(theirs, on=["ts", "instrument"], how="left", validate="one_to_one")
    traded = ours[["ts", "instrument"]].merge(bars, on=["ts", "instrument"], how="left")["volume"]
    compared, apart = 0, 0.0
    for name in ours.columns[2:]:
        kind = name.rstrip("0123456789")
        alike = np.ones(len(ours), dtype=bool)
        if kind in COUNTED:
            alike = ~near_holes(bars, ours, int(name.removeprefix(kind)))
        elif kind in BY_VOLUME:
            alike = (traded > 0.0).to_numpy()
            assert ours[name][~alike].isin([0.0, np.nan]).all()
        elif kind == "STD":
            # It adds on from bar to bar, so that something is left over when a price stands still: ours is 0.
            alike = (ours[name] != 0.0).to_numpy()
            assert (theirs[name][~alike] < 1e-5).all()
        mine, other = ours[name][alike].to_numpy(), theirs[name][alike].to_numpy()
        off = ~np.isclose(mine, other, rtol=1e-6, atol=1e-7, equal_nan=True)
        # A few sums of volumes that it carries on through hundreds of bars have lost digits.
        assert off.mean() <= (1e-5 if kind == "WVMA" else 0.0), (name, mine[off][:3], other[off][:3])
        known = ~off & ~np.isnan(mine)
        compared += int(known.sum())
        apart = max(apart, float((np.abs(mine - other) / (np.abs(other) + 0.1))[known].max(initial=0.0)))
    print(f"\nqlib: {len(ours):,} rows, {compared:,} values, largest difference {apart:.1e} of the value (plus 0.1)")
