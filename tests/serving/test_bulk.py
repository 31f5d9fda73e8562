"""A batch as a table says what the batch as JSON says."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from finq_predictor.serving.bulk import ARROW, PARQUET

ASKED = {"instruments": ["AAPL", "NOPE", "ORCL", "EUR_USD"], "prediction_dates": ["2022-03-11", "2022-04-08"]}
READERS = {ARROW: lambda body: ipc.open_stream(body).read_all(), PARQUET: lambda body: pq.read_table(io.BytesIO(body))}


@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_the_table_says_what_the_objects_say(client, kind):
    plain = client.post("/batch_predict", ASKED).json()
    answer = client.post("/batch_predict", ASKED, headers={"Accept": f"text/html, {kind.upper()};q=0.9"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    table = READERS[kind](answer.content)
    said = {key.decode(): value for key, value in table.schema.metadata.items()}
    assert json.loads(said["errors"]) == plain["errors"] != []
    assert json.loads(said["request_id"]) == answer.headers["x-request-id"]
    assert json.loads(said["recorded"]) is plain["recorded"]
    assert table.num_rows == plain["count"] == 4
    for row, one in zip(table.to_pylist(), plain["predictions"], strict=True):
        model = {name: row.pop(f"model_{name}") for name in ("name", "version", "status")}
        assert model.items() <= one["model"].items()
        when = row.pop("feature_ts")
        assert when == (None if one["feature_ts"] is None else pd.Timestamp(one["feature_ts"]))
        assert row.pop("prediction_id") is one["prediction_id"] is None or row
        assert row == {name: one[name] for name in row}
    assert table.schema.field("feature_ts").type == pa.timestamp("us", "UTC")


def test_nothing_to_say_keeps_its_columns_and_other_clients_get_json(client):
    empty = client.post("/batch_predict", {"instruments": ["NOPE"]}, headers={"Accept": ARROW})
    assert (empty.status_code, empty.json()["error"]["type"]) == (404, "unknown_instrument")
    for accept in ("*/*", "application/json", "application/vnd.apache.arrow.streams", ""):
        answer = client.post("/batch_predict", {"instruments": ["AAPL"]}, headers={"Accept": accept})
        assert answer.json()["count"] == 1
    reasons = client.post("/batch_predict", {"instruments": ["AAPL"]}, headers={"Accept": PARQUET})
    assert READERS[PARQUET](reasons.content).schema.field("reason").type == pa.string()
