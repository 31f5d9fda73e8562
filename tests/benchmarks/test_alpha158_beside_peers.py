"""Alpha158 by ours beside qlib, and what of it Polars, TA-Lib and pandas have functions for: same bars, same run.

Each engine runs in a process of its own. qlib reads its own files, as it always does; the others hold the bars already,
and ours makes its panel of them, which is counted. `make .venv-peers/.ready` installs the peers.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from test_features import EQUITY, REAL, _adjusted, _peak, _random_bars, alone, best

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.panel import build_panel

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT / ".venv-peers" / "bin" / "python"
NAMES = {"qlib": "qlib, two processes", "polars": "Polars, over", "talib": "TA-Lib, loop", "pandas": "pandas, rolling"}
TIMES = {"qlib": 2, "polars": 3, "talib": 3, "pandas": 2}

pytestmark = pytest.mark.skipif(not PEERS.is_file(), reason="no peers; `make .venv-peers/.ready` installs them")


def bars_for_all(target: Path) -> None:
    """All symbols, those with holes too, adjusted; named so that files can be."""
    if REAL.is_file():
        bars = pd.read_parquet(REAL).rename(columns={"symbol": "instrument", "date": "ts"}).dropna()
        bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]")
        bars = bars.drop_duplicates(["ts", "instrument"])
        bars["instrument"] = "S" + bars["instrument"].astype("category").cat.codes.astype("str").str.zfill(4)
    else:
        bars = _random_bars()
    bars["open"] = bars["open"] * bars["adj_close"] / bars["close"]
    prices = _adjusted(bars).assign(open=bars["open"])
    columns = ["open", "high", "low", "close", "volume"]
    prices[columns] = prices[columns].astype("float32")
    prices[["ts", "instrument", *columns]].to_parquet(target)


def run_ours(path: str) -> dict[str, object]:
    bars = pd.read_parquet(path)
    panel = build_panel(bars, EQUITY)
    chosen = make_feature_set(select_features(EQUITY, panel.available, members=members_of("alpha158")))
    compute_features(panel.tail(3), chosen, dtype="float32")  # compiled
    wall, busy = best(lambda: compute_features(build_panel(bars, EQUITY), chosen, dtype="float32"))
    peak, rows = _peak(), len(bars)
    day = best(lambda: compute_features(panel, chosen, at=panel.ts[[-1]], dtype="float32"), times=5)[0]
    return {"s": [wall], "busy": [busy], "mb": peak, "rows": rows, "columns": len(chosen.names), "day": day}


def run_peer(name: str, bars: Path, folder: Path) -> dict[str, object]:
    asked = [PEERS, PROJECT / "tests/peers.py", bars, folder, "--engine", name, "--times", str(TIMES[name])]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_alpha158_beside_its_peers(tmp_path):
    bars_for_all(tmp_path / "bars.parquet")
    found = {"numba kernels (ours)": alone(run_ours, str(tmp_path / "bars.parquet"))}
    for name, shown in NAMES.items():
        found[shown] = run_peer(name, tmp_path / "bars.parquet", tmp_path / name)
    ours = found["numba kernels (ours)"]
    print(f"\n{ours['rows']:,} {'real' if REAL.is_file() else 'random'} rows; the best of two or three times")
    print(f"  {'':24s} columns       s   busy s  ms a column   peak MB   times ours")
    mine = min(ours["s"]) / ours["columns"]
    for name, each in found.items():
        wall, busy, count = min(each["s"]), min(each["busy"]), each["columns"]
        shown = f"{count:7d} {wall:7.2f} {busy:8.2f} {1e3 * wall / count:12.1f} {each['mb']:9.0f}"
        print(f"  {name:24s} {shown} {wall / count / mine:12.1f}")
    print(f"  one new day by ours {1e3 * ours['day']:.0f} ms")
    assert ours["columns"] == 157
