from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

from finq_predictor.domain.fingerprint import hash_content, hash_frame

FRAME = pd.DataFrame(
    {
        "ts": pd.date_range("2024-01-01", periods=3, tz="UTC"),
        "instrument": pd.array(["A", "B", "A"], dtype="str"),
        "x": [1.0, np.nan, 3.0],
    }
)


def test_equal_content_has_an_equal_hash_whatever_the_index():
    assert hash_frame(FRAME) == hash_frame(FRAME.copy().set_index(pd.Index([7, 8, 9])))
    assert len(hash_frame(FRAME)) == 64


def test_values_order_names_and_types_count():
    others = [
        FRAME.iloc[::-1],
        FRAME.rename(columns={"x": "y"}),
        FRAME.assign(x=FRAME["x"].astype("float32")),
        FRAME.assign(x=[1.0, 2.0, 3.0]),
        FRAME[["instrument", "ts", "x"]],
        FRAME.iloc[:2],
    ]
    assert len({hash_frame(frame) for frame in [FRAME, *others]}) == 7


def test_the_hash_is_the_same_in_another_process():
    code = (
        "import pandas as pd, numpy as np; from finq_predictor.domain.fingerprint import hash_frame;"
        "print(hash_frame(pd.DataFrame({'a': ['x', 'y'], 'b': [1.5, np.nan]})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == hash_frame(pd.DataFrame({"a": ["x", "y"], "b": [1.5, np.nan]}))


def test_content_does_not_know_the_order_of_keys():
    assert hash_content({"a": 1, "b": [1, 2]}) == hash_content({"b": [1, 2], "a": 1})
    assert hash_content({"a": 1}) != hash_content({"a": 2})
