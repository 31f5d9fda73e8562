"""Missing values beside training, with a column that trips the alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.monitoring.completeness import measure_missing_rates
from finq_predictor.domain.tables import MISSING_RATES


def test_missing_values_trip_the_alarm_when_there_are_more_than_in_training():
    current = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0], "c": [np.nan, np.nan]})
    table = measure_missing_rates(current, ["a", "b", "c", "d"], {"a": 0.47, "b": 0.0, "c": 0.5}, tolerance=0.05)
    assert list(table) == list(MISSING_RATES.names)
    assert table["missing_ratio"].tolist() == [0.5, 0.0, 1.0, 1.0]
    assert table["alert"].tolist() == [False, False, True, True]


def test_no_rows_miss_everything():
    table = measure_missing_rates(pd.DataFrame({"a": []}), ["a"], {}, tolerance=0.05)
    assert table["missing_ratio"].tolist() == [1.0]
    assert table["reference_ratio"].isna().all()
    assert table["alert"].all()
