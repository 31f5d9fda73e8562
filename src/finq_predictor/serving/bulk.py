"""Batches as tables: a client that asks for Arrow or Parquet gets columns in place of a list of objects."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving.answers import Answer

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
_WORDS = ("prediction_id", "instrument", "market", "direction", "decision", "reason", "snapshot")
_NUMBERS = ("probability", "confidence", "feature_age_hours")


def wanted(request: Request) -> str | None:
    """The form of a table that a client names in `Accept`; None where it names none, and gets JSON."""
    named = [one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")]
    return next((one for one in named if one in _WRITERS), None)


def table_response(
    kind: str, answers: Sequence[Answer], errors: Sequence[dict[str, Any]], about: dict[str, Any]
) -> Response:
    """A batch as a table.

    Args:
        kind: One of :func:`wanted`.
        answers: One row each, in the order of the request.
        errors: What could not be answered; as JSON under `errors` in the metadata of the table.
        about: What else is said of all of them together; there as well, under its names.
    """
    import pyarrow as pa

    said = {name: orjson.dumps(value) for name, value in {**about, "errors": errors}.items()}
    table = pa.table(_columns(answers), schema=_schema().with_metadata(said))
    return Response(_WRITERS[kind](table), media_type=kind)


def _columns(answers: Sequence[Answer]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: [one[name] for one in answers] for name in (*_WORDS, *_NUMBERS)}
    columns["prediction"] = [one["prediction"] for one in answers]
    columns["simulated"] = [one["simulated"] for one in answers]
    columns["horizon_bars"] = [one["horizon_bars"] for one in answers]
    for name in ("name", "version", "status"):
        columns[f"model_{name}"] = [one["model"][name] for one in answers]
    times = {given: None if given is None else pd.Timestamp(given) for given in {one["feature_ts"] for one in answers}}
    columns["feature_ts"] = [times[one["feature_ts"]] for one in answers]
    return columns


def _schema() -> Any:
    import pyarrow as pa

    words = (*_WORDS, "model_name", "model_version", "model_status")
    return pa.schema(
        [
            *((name, pa.string()) for name in words),
            ("prediction", pa.bool_()),
            *((name, pa.float64()) for name in _NUMBERS),
            ("feature_ts", pa.timestamp("us", "UTC")),
            ("horizon_bars", pa.int32()),
            ("simulated", pa.bool_()),
        ]
    )


def _arrow(table: Any) -> bytes:
    from pyarrow import ipc

    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(table: Any) -> bytes:
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


_WRITERS: dict[str, Callable[[Any], bytes]] = {ARROW: _arrow, PARQUET: _parquet}
