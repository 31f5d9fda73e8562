"""What vectorbt earns on the same decisions, in an environment of its own: run with the Python of `.venv-peers`.

    .venv-peers/bin/python tests/peer_backtest.py FOLDER

FOLDER holds `price.parquet` (bars x instruments, none where nothing can be traded), `decided.parquet` (weights of the
capital that were decided at the close of a bar), `fee.parquet` (of one traded side), and `terms.json` (`lag`,
`horizon`, `hedge`: name of the column that hedges, empty for none, `final`: the row at which each ended instrument is
left). Positions are made here, tranche by tranche, and are not read from ours. It writes `peer.parquet`: the equity
and the fees by bar, on a capital of 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

CASH = 10.0


def fractions(decided: pd.DataFrame, price: pd.DataFrame, terms: dict) -> pd.DataFrame:
    """The share of the capital in each instrument after each bar, one tranche after the other."""
    lag, horizon = terms["lag"], terms["horizon"]
    wanted = np.zeros(price.shape)
    for name in decided:
        column = price.columns.get_loc(name)
        for row in np.flatnonzero(decided[name].to_numpy()):
            entry = row + lag
            if entry < len(price) and np.isfinite(price.iat[entry, column]):
                wanted[entry : entry + horizon, column] += decided[name].iat[row] / horizon
    for name, row in terms["final"].items():
        wanted[row:, price.columns.get_loc(name)] = 0.0
    known = pd.DataFrame(np.where(np.isfinite(price), wanted, np.nan), price.index, price.columns).ffill().fillna(0.0)
    if terms["hedge"]:
        known[terms["hedge"]] = -known.drop(columns=terms["hedge"]).sum(axis=1)
    return known


def main() -> None:
    import vectorbt as vbt

    folder = Path(sys.argv[1])
    price, decided, fee = (pd.read_parquet(folder / f"{name}.parquet") for name in ("price", "decided", "fee"))
    held = fractions(decided, price, json.loads((folder / "terms.json").read_text()))
    portfolio = vbt.Portfolio.from_orders(
        close=price.ffill().bfill(),
        # An order for as many units as the capital times its share buys; none where there is no price.
        size=held / price,
        price=price,
        size_type="targetamount",
        fees=fee,
        init_cash=CASH,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        freq="1D",
    )
    records = portfolio.orders.records
    paid = np.zeros(len(price))
    np.add.at(paid, records["idx"].to_numpy(), records["fees"].to_numpy())
    found = pd.DataFrame({"equity": portfolio.value().to_numpy() - CASH, "fees": paid}, index=price.index)
    found.to_parquet(folder / "peer.parquet")


if __name__ == "__main__":
    main()
