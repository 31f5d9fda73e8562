"""Make the gold of some cases on Spark, in one session: run with the Python of `.venv-spark`, not with ours.

    .venv-spark/bin/python tests/adapters/spark/on_spark.py FOLDER CASE...

A case that begins with ``short-`` reads a bar too few before each slice. Below FOLDER each gets a folder of its parts,
and what else is known of it as JSON. ``fit-2-CASE`` is no case: it fits a model with two workers on the gold of a
case that was made before, and stores its state.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

from spark_cases import CASES, FIT, HORIZON, LEARNED, SEED, SHORT, WINDOW, OneBarTooFew, new_model

from finq_predictor.adapters.spark import engine as engines
from finq_predictor.adapters.spark.session import SparkSettings, session
from finq_predictor.adapters.spark.stages import Job
from finq_predictor.adapters.spark.training import fit_on_spark
from finq_predictor.pipelines.features.nodes import build_gold


def fit(place: Path, name: str) -> None:
    workers, _, case = name.removeprefix(FIT).partition("-")
    case = case.partition("-")[0]
    features = json.loads((place / f"{case}.json").read_text())["feature_set"]["names"][::LEARNED]
    fitted = fit_on_spark(new_model(), place / case, features, HORIZON, WINDOW, seed=SEED, workers=int(workers))
    (place / f"{name}.json").write_text(json.dumps(fitted.state()))


def main() -> None:
    folder, *names = sys.argv[1:]
    place = Path(folder)
    for name in names:
        if name.startswith(FIT):
            fit(place, name)
            continue
        case = CASES[name.removeprefix(SHORT)]
        engines.Job = OneBarTooFew if name.startswith(SHORT) else Job
        start = perf_counter()
        engine = engines.SparkEngine(SparkSettings(task_mb=case.task_mb), place)
        feature_set, table = build_gold(case.panel(), case.params, engine, market=case.of)
        table.move_to(place / name)
        told = {
            "feature_set": feature_set.to_dict(),
            "rows": table.rows,
            "last": str(table.last),
            "seconds": perf_counter() - start,
            "left": sorted(path.name for path in table.folder.iterdir()),
        }
        (place / f"{name}.json").write_text(json.dumps(told))
    session(SparkSettings()).stop()


if __name__ == "__main__":
    main()
