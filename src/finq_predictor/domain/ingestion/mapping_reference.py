"""The reference page of the columns that deliveries may have, written from what is recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from finq_predictor.domain.columns import ASKED_AS, PRICES, TS
from finq_predictor.domain.ingestion.column_mapping import ALIASES, REQUIRED, TIME
from finq_predictor.domain.tables import (
    SILVER_ACTIONS,
    SILVER_ARTICLES,
    SILVER_BARS,
    SILVER_BENCHMARK,
    SILVER_MACRO,
    SILVER_MEMBERSHIP,
    Table,
)

_SILVER = {
    "bars": SILVER_BARS, "benchmark": SILVER_BENCHMARK, "articles": SILVER_ARTICLES, "macro": SILVER_MACRO,
    "actions": SILVER_ACTIONS, "membership": SILVER_MEMBERSHIP,
}  # fmt: skip
_INTRO = f"""# Columns of deliveries

Which names of columns are recognised in a file or in what a provider delivers, table by table, from
`src/finq_predictor/domain/ingestion/column_mapping.py`. Case, blanks, punctuation and a number in front do not count:
`Adj Close`, `adj_close` and `adjClose` are one name. Where several are there, the one named first here is taken.
Others are named in the parameters, `columns: {{bars: {{close: PX_LAST}}}}`, and what has no name here stays in bronze.
What each provider delivers stands in [Faults of providers](faults.md), what silver is in [Tables](tables.md).

Two columns say how rows of bars are meant: `{PRICES}`, whether prices are divided by splits (`split_adjusted`) or not
(`as_traded`), and `{ASKED_AS}`, which marks a second opinion.
"""


def mapping_markdown() -> str:
    """Describe what is recognised, table by table: our name, usual names, and what silver makes of it."""
    return _INTRO + "".join(line + "\n" for table in ALIASES for line in _section(table))


def _section(table: str) -> Iterator[str]:
    silver = _SILVER[table]
    yield ""
    yield f"## {table}"
    yield ""
    if table == "bars":
        yield "Mids may stand in for the bare prices, and so may the average of bid and ask."
        yield ""
    if silver.key:
        yield f"Rows of `{silver.name}` are told apart by {_names(silver.key)}."
        yield ""
    yield "| our name | needed | recognised | type in silver | unit | meaning |"
    yield "|---|---|---|---|---|---|"
    for ours, usual in ALIASES[table].items():
        yield f"| `{ours}` | {_needed(table, ours)} | {_names(usual)} | {_silver(silver, ours)} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _needed(table: str, ours: str) -> str:
    return "yes" if ours in REQUIRED[table] else ""


def _silver(silver: Table, ours: str) -> str:
    column = silver.column(TS if ours == TIME else ours)
    return "| | not in silver by itself" if column is None else f"`{column.dtype}` | {column.unit} | {column.meaning}"
