"""What all checks cost, beside the ingestion that they guard: gates, and Great Expectations on bronze and silver.

The whole S&P 500 file is ingested as a run does it, from the file to silver on the disk, in a process of its own. What
is spent in checks is timed inside that run; importing Great Expectations is told apart, as it is paid once a process.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import wraps
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
REAL = PROJECT.parent / "shared/data/equities"
BARS, BENCHMARK = REAL / "sp500_adj_2012-12_2017-12.parquet", REAL / "benchmark_sp500_index_2012-09_2018-02.csv.gz"
TIMES = 3
Spent = dict[str, tuple[float, float]]


class Timer:
    """Seconds on the wall and of the processor in what it wraps, by name."""

    def __init__(self) -> None:
        self.spent: Spent = {}

    def around(self, owner: Any, name: str, label: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            wall, cpu = perf_counter(), process_time()
            try:
                return function(*args, **kwargs)
            finally:
                before = self.spent.get(label, (0.0, 0.0))
                self.spent[label] = (before[0] + perf_counter() - wall, before[1] + process_time() - cpu)

        setattr(owner, name, timed)


def ingest(_: int) -> Spent:
    """One run of ingestion in a fresh process."""
    warnings.simplefilter("ignore")
    from kedro.config import OmegaConfigLoader
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline
    from kedro.runner import SequentialRunner

    from finq_predictor.adapters.quality import engine, validator
    from finq_predictor.domain.ingestion import bars as cleaning
    from finq_predictor.domain.market.markets import MARKETS
    from finq_predictor.pipelines.ingestion import nodes
    from finq_predictor.pipelines.ingestion.params import IngestionParams
    from finq_predictor.pipelines.ingestion.pipeline import create_pipeline

    timer = Timer()
    timer.around(engine, "_batch_definition", "import of Great Expectations")
    timer.around(engine, "expectations", "import of Great Expectations")
    engine.expectations()
    engine._batch_definition()
    timer.around(validator.SuiteValidator, "_checked", "suites")
    timer.around(nodes, "ask_every_gate", "gates")
    timer.around(cleaning, "find_rewrites", "gates")
    with tempfile.TemporaryDirectory() as root:
        loader = OmegaConfigLoader(
            conf_source=str(PROJECT / "conf"),
            base_env="base",
            default_run_env="base",
            env="own",
            runtime_params={"data_root": root, "bars": str(BARS), "benchmark": str(BENCHMARK)},
            merge_strategy={"parameters": "soft", "globals": "soft"},
            custom_resolvers={"project_path": lambda relative: str(PROJECT / relative)},
        )
        entries = {name: entry for name, entry in loader["catalog"].items() if not name.startswith("_")}
        catalog = DataCatalog.from_config(entries)
        catalog["params:equity.ingestion"] = IngestionParams(**loader["parameters"]["equity"]["ingestion"])
        wall, cpu = perf_counter(), process_time()
        SequentialRunner().run(Pipeline(create_pipeline(MARKETS["equity"]), namespace="equity"), catalog)
        return timer.spent | {"ingestion": (perf_counter() - wall, process_time() - cpu)}


def test_all_checks_beside_the_ingestion_that_they_guard():
    if not BARS.is_file():
        pytest.skip(f"the real file {BARS.name} is not there")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        runs = list(pool.map(ingest, range(TIMES)))
    found = min(runs, key=lambda run: run["ingestion"][1])
    print(f"\n{BARS.name}, best of {TIMES}, load {os.getloadavg()[0]:.1f}; s, busy s, share of the busy ones")
    for name, (wall, cpu) in found.items():
        print(f"  {name:28s} {wall:7.2f} {cpu:7.2f} {cpu / found['ingestion'][1]:7.1%}")
    checks = sum(found[name][1] for name in ("suites", "gates"))
    print(f"  {'all checks':28s} {'':7s} {checks:7.2f} {checks / (found['ingestion'][1] - checks):7.1%} of the rest")
