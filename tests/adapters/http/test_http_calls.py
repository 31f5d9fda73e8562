"""Each attempt is one row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime

import pandas as pd
import pytest

from finq_predictor.adapters.http import Call, CallLog, Outcome

CALL = Call("abc", "GET", "https://example.com/", 200, datetime(2024, 3, 1, tzinfo=UTC), 0.5, 10, 1, Outcome.OK)
LOST = Call("abc", "GET", "https://example.com/", None, CALL.started_at, 1.0, 0, 1, Outcome.UNREACHABLE, 2.0)


def test_a_call_is_not_changed():
    with pytest.raises(FrozenInstanceError):
        CALL.status = 500


def test_counts_are_by_source_outcome_and_status():
    log = CallLog()
    for call in (CALL, LOST, CALL):
        log(call)
    assert log.counts() == {("abc", "ok", "200"): 2, ("abc", "unreachable", ""): 1}
    assert len(log) == 3


def test_the_table_has_the_same_types_with_rows_and_without():
    log = CallLog()
    empty = log.frame()
    log(CALL)
    assert log.frame()["wait_seconds"].isna().all()
    log(LOST)
    frame = log.frame()
    assert list(frame.columns) == [field.name for field in fields(Call)]
    assert frame["status"].tolist() == [200, pd.NA]
    assert frame["outcome"].tolist() == ["ok", "unreachable"]
    assert str(frame["started_at"].dtype).endswith("UTC]")
    types = frame.dtypes.drop("started_at")
    assert (empty.dtypes.drop("started_at") == types).all()
    assert isinstance(empty["started_at"].dtype, pd.DatetimeTZDtype)


def test_several_threads_write_to_one_log():
    log = CallLog()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, [CALL] * 1000))
    assert len(log.calls) == 1000
