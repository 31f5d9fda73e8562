"""Great Expectations as a validator of Kedro's catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
from kedro.validation import CheckFailure, DataValidationError

from finq_predictor.adapters.quality.clearing import is_clear
from finq_predictor.adapters.quality.engine import failing
from finq_predictor.adapters.quality.suites import declared, expectations_of, with_derived
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.tables import Layer, Table
from finq_predictor.domain.tables.stored import StoredTable

_SHOWN = 5


class SuiteValidator:
    """Checks a frame against the declaration of its table whenever the catalog saves or loads it.

    The frame is returned as it came. Columns and types come first. Where NumPy alone cannot tell that the values are in
    order, all expectations about them are answered yes or no; what failed is asked again for its rows.

    Args:
        suite: Layer of the table, such as ``silver``.
        market: Name of the market.
        table: Name of the table in the layer, such as ``bars``.

    Raises:
        UnknownNameError: If there is no such layer, market or table; near misses are suggested.
    """

    def __init__(self, suite: str, market: str, table: str) -> None:
        layers = [layer.value for layer in Layer]
        if suite not in layers:
            raise UnknownNameError("expectation suite", suite, layers)
        self._declared = declared(Layer(suite), market, table)
        self._name = f"{suite} {table} of {market}"

    def validate(self, data: pd.DataFrame | Iterator[pd.DataFrame] | StoredTable) -> Any:
        """Return the frame if it is as expected; of several, each when it is taken; a table in parts is read by them.

        Raises:
            DataValidationError: Otherwise; names frame, rule, column and rows.
        """
        if isinstance(data, StoredTable):
            return self._checked_by_parts(data)
        return self._checked(data) if isinstance(data, pd.DataFrame) else map(self._checked, data)

    def _checked_by_parts(self, data: StoredTable) -> StoredTable:
        """What is said of rows is asked of each part, what is said of all rows is counted over the parts."""
        of_part = self._declared.part()
        rows, known = 0, Counter[str]()
        for part in data.parts():
            self._checked(part, of_part)
            rows += len(part)
            known.update({str(name): int(count) for name, count in part.count().items()})
        wrong = []
        if rows < self._declared.min_rows:
            wrong.append(CheckFailure(message=f"{rows} rows, at least {self._declared.min_rows}", check="min_rows"))
        for name, count in known.items():
            column = self._declared.column(name)
            if column and rows and count / rows < column.known:
                text = f"is known on {count:,} of {rows:,} rows, less than {column.known:.0%}"
                wrong.append(CheckFailure(message=text, check="known", column=name, failure_count=rows - count))
        if wrong:
            raise self._error(wrong)
        return data

    def _checked(self, data: pd.DataFrame, table: Table | None = None) -> pd.DataFrame:
        table = table or self._declared
        if wrong := table.misfits(data):
            raise self._error([CheckFailure(message=text, check="declared", column=name) for name, text in wrong])
        if is_clear(table, data):
            return data
        frame = with_derived(table, data.reset_index(drop=True))
        failed = failing(frame, expectations_of(table, frame), "BOOLEAN_ONLY")
        if failed:
            again = failing(frame, [result.expectation_config.to_domain_obj() for result in failed], "COMPLETE")
            raise self._error([_failure(frame, result) for result in again])
        return data

    def _error(self, failures: list[CheckFailure]) -> DataValidationError:
        rules = "; ".join(f"{failure.column or 'table'}: {failure.message}" for failure in failures[:_SHOWN])
        return DataValidationError(
            f"The {self._name} are not as expected. {rules}. "
            "Nothing was written; look at the rows named, and at the quarantine of the table.",
            failures=failures,
        )


def _failure(frame: pd.DataFrame, result: Any) -> CheckFailure:
    config = result.expectation_config
    arguments = {name: value for name, value in config.kwargs.items() if name not in ("batch_id", "column")}
    column = config.kwargs.get("column") or config.kwargs.get("column_A")
    rule = str(config.type).removeprefix("expect_")
    found = result.result or {}
    rows = found.get("unexpected_index_list") or []
    count = int(found.get("unexpected_count") or len(rows) or 1)
    broken = (result.exception_info or {}).get("exception_message") or ""
    observed = found.get("observed_value")
    shown = [_row_name(frame, row, column) for row in rows[:_SHOWN]]
    detail = f", found {observed}" if observed is not None else ""
    return CheckFailure(
        message=f"{rule} {arguments}{detail} {broken} {f'in rows {shown}' if shown else ''}".strip(),
        check=rule,
        column=column,
        failure_count=count,
        failure_examples=shown,
    )


def _row_name(frame: pd.DataFrame, row: int, column: str | None) -> str:
    """A row as a person would look for it: its position, instrument, time and the value that is wrong."""
    names = [name for name in (INSTRUMENT, TS, column) if name is not None and name in frame]
    return f"row {row}: " + " ".join(str(frame[name].iloc[row]) for name in dict.fromkeys(names))
