"""The reference page of the tables, written from their declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from finq_predictor.domain.tables.schema import ANY, Column, Table


def tables_markdown(tables: Mapping[str, Table]) -> str:
    """Describe tables, layer by layer.

    Args:
        tables: The declarations, in the order of the page.

    Returns:
        Markdown: of each table what a row is, who writes it, its key, and its columns with type, unit and meaning.
    """
    lines = [
        "# Tables",
        "",
        "Every table that is kept, as it is declared in `src/finq_predictor/domain/tables`. Each market has its own; "
        "the name is the one in the catalog after the market: `catalog.load('equity.gold')` reads a table. `TABLE` "
        "and a star stand for any name. Types are those of pandas.",
    ]
    layer = None
    for table in tables.values():
        if table.layer is not layer:
            layer = table.layer
            lines += ["", f"## {layer.capitalize()}"]
        lines += ["", *_section(table)]
    return "\n".join(lines) + "\n"


def _section(table: Table) -> Iterator[str]:
    yield f"### {table.name.replace('*', 'TABLE')}"
    yield ""
    yield table.meaning
    yield ""
    yield from (f"- {promise}" for promise in _promises(table))
    yield ""
    yield "| column | type | unit | may be missing | meaning |"
    yield "|---|---|---|---|---|"
    yield from (_row(column) for column in table.columns)


def _promises(table: Table) -> Iterator[str]:
    yield f"Written by `{table.writer}`"
    if table.key:
        yield f"Key: {_names(table.key)}"
    if table.ascending:
        yield f"Sorted by `{table.ascending}`"
    if table.not_below:
        yield "Never below: " + ", ".join(f"`{high}` below `{low}`" for high, low in table.not_below)
    for within in table.within:
        yield f"Between `{within.low}` and `{within.high}`: {_names(within.columns)}"


def _row(column: Column) -> str:
    cells = (
        f"`{column.name}`",
        "as delivered" if column.dtype == ANY else f"`{column.dtype}`",
        column.unit,
        _missing(column),
        " ".join((column.meaning, *_limits(column))),
    )
    return f"| {' | '.join(cells)} |"


def _missing(column: Column) -> str:
    values = {0.0: "values", 1.0: ""}.get(column.known, f"{1.0 - column.known:.0%} of the values")
    return ", ".join(part for part in ("the column" if column.optional else "", values) if part)


def _limits(column: Column) -> Iterator[str]:
    if column.above is not None:
        yield f"Above {column.above:g}."
    if column.low is not None:
        yield f"At least {column.low:g}."
    if column.high is not None:
        yield f"At most {column.high:g}."


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
