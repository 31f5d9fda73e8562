"""A worker to be killed: records lines as fast as it can, and tells each id after it was recorded."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from finq_predictor.serving.lines import prediction_line, statement, user_in_json
from finq_predictor.serving.spool import Spool

STOCKS = 50


def write(folder: Path, most: int, part: int) -> None:
    spool = Spool(folder, 2**30, part)
    moment = "2024-01-31T21:00:00+00:00"
    said = [
        statement(
            market="equity", instrument=f"STOCK{number}", feature_ts=moment, newest_ts=moment, horizon=5,
            model="logistic", version="7", snapshot=None, probability=0.5, decision="predict",
        )
        for number in range(STOCKS)
    ]  # fmt: skip
    for number in range(most):
        new = spool.new_id()
        line = prediction_line(new, b"r", time.time_ns() // 1000, user_in_json("anna"), said[number % STOCKS])
        if spool.record(line):
            os.write(1, new + b"\n")
    spool.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
