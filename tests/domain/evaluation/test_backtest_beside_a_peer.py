"""The backtest beside vectorbt on the same decisions: what it earns is equal, what it pays differs by a named term.

vectorbt keeps units, so that bringing a position that has moved back to its share of the capital is a trade, and pays
its fee. Ours holds shares of a constant capital, and pays for what is decided, not for what prices did. That is the
only difference, and it is taken away here term by term.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.backtest import daily_results, make_price_grid, trade_weights
from finq_predictor.domain.evaluation.positions import EDGE, QUANTILE, STRATEGIES, THRESHOLD, Outlook
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market

PROJECT = Path(__file__).parents[3]
PEERS = PROJECT / ".venv-peers" / "bin" / "python"
EQUITY, HORIZON, SIZE, NAMES = get_market("equity"), 5, 160, 24
RULES = BacktestRules(
    cost_bp=4.5,
    commission_bp=0.5,
    slippage_bp=1.0,
    long_above=0.55,
    short_below=0.45,
    edge_over_cost=0.05,
    move_bars=30,
)
ENDED, LAST = "S03", 90


def market() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Bars with holes and one instrument that ends, predictions of most of them, and a benchmark."""
    rng = np.random.default_rng(11)
    ts = pd.bdate_range("2023-01-03 21:00", periods=SIZE, tz="UTC").as_unit("us")
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (SIZE, NAMES)), axis=0))
    wide = pd.DataFrame(close, index=ts, columns=[f"S{i:02d}" for i in range(NAMES)]).rename_axis("ts")
    bars = wide.melt(ignore_index=False, var_name="instrument", value_name="close").reset_index()
    missing = (rng.random(len(bars)) < 0.03) | ((bars["instrument"] == ENDED) & (bars["ts"] > ts[LAST]))
    bars = bars[~missing].sort_values(["ts", "instrument"], ignore_index=True)
    bars = bars.assign(open=bars["close"], adj_close=bars["close"], volume=1e5)
    said = bars[["ts", "instrument"]].assign(probability=rng.uniform(0.2, 0.8, len(bars)))
    level = pd.DataFrame({"ts": ts, "close": 4000.0 * np.cumprod(1.0 + rng.normal(0.0004, 0.01, SIZE))})
    return bars, said.sample(frac=0.9, random_state=1).sort_values(["ts", "instrument"]), level


def peer(folder: Path, decided: np.ndarray, grid, level: pd.DataFrame, fees: np.ndarray) -> pd.DataFrame:
    names = [*map(str, grid.instruments)]
    # vectorbt leaves out orders of less than a hundred-millionth of a unit: units are made small.
    held = pd.DataFrame(1e-3 * np.cumprod(1.0 + grid.returns, axis=0), index=grid.ts, columns=names)
    place = names.index(ENDED)
    final = int(grid.ended[:, place].argmax())
    price = held.where(grid.tradable)
    price.iat[final, place] = held.iat[final, place]
    price["hedge"] = 1e-6 * level["close"].to_numpy()
    fee = pd.DataFrame(fees, index=grid.ts, columns=names).assign(hedge=RULES.hedge_bp / 1e4 * (fees.max() > 0.0))
    pd.DataFrame(decided, index=grid.ts, columns=names).to_parquet(folder / "decided.parquet")
    price.to_parquet(folder / "price.parquet")
    fee.to_parquet(folder / "fee.parquet")
    terms = {"lag": RULES.entry_lag, "horizon": HORIZON, "hedge": "hedge", "final": {ENDED: final}}
    (folder / "terms.json").write_text(json.dumps(terms))
    script = PROJECT / "tests" / "peer_backtest.py"
    subprocess.run([PEERS, script, folder], check=True, capture_output=True, text=True, timeout=300)
    return pd.read_parquet(folder / "peer.parquet")


@pytest.mark.skipif(not PEERS.is_file(), reason="vectorbt is not there; `make .venv-peers/.ready` installs it")
def test_equity_is_that_of_vectorbt_but_for_the_fee_on_what_prices_moved(tmp_path):
    bars, said, level = market()
    grid = make_price_grid(bars, RULES, EQUITY, level)
    assert grid.ended.any(axis=0).sum() == 1
    assert not grid.tradable[5:].all(axis=1).all(), "some prices are missing"
    probability = said.pivot(index="ts", columns="instrument", values="probability").reindex(grid.ts, axis=0)
    outlook = Outlook(probability.reindex(columns=grid.instruments).to_numpy(), grid.returns, grid.side_cost)
    # The three strategies after each other in one start: a third of the days each, with a pause between.
    decided, parts = np.zeros(grid.returns.shape), np.array_split(np.arange(SIZE - 40), 3)
    chosen = dict(zip((QUANTILE, THRESHOLD, EDGE), parts, strict=True))
    for name, rows in chosen.items():
        decided[rows[:-8]] = STRATEGIES[name](outlook, RULES)[rows[:-8]]
        assert decided[rows].any()

    trades = trade_weights(decided, grid, EQUITY, HORIZON, RULES, slice(RULES.entry_lag, SIZE))
    theirs = peer(tmp_path, decided, grid, level, grid.side_cost)
    ours = daily_results(trades, grid, EQUITY)
    equity = theirs["equity"].diff().fillna(0.0)
    span = trades.span
    # What it earned before costs.
    np.testing.assert_allclose(ours["gross_return"], (equity + theirs["fees"])[span], rtol=0.0, atol=1e-9)
    # What vectorbt pays beyond: the fee on the way back to the share that a position has drifted from.
    drifted = trades.before * (1.0 + grid.returns)
    hedge = -trades.held.sum(axis=1)
    before = np.concatenate([[0.0], hedge[:-1]])
    moved = (grid.tradable | grid.ended) * (np.abs(trades.held - drifted) - trades.traded) * grid.side_cost
    hedged = np.abs(hedge - before * (1.0 + grid.benchmark)) - np.abs(hedge - before)
    drift = moved.sum(axis=1) + hedged * RULES.hedge_bp / 1e4
    np.testing.assert_allclose(ours["net_return"], (equity + drift)[span], rtol=0.0, atol=1e-9)
    paid = (ours["gross_return"] - ours["net_return"]).sum()
    assert 0.0 < drift.sum() < 0.25 * paid, "the term is small beside what is paid"
