"""A process that has everything imported and forks one ingestion of real providers after the other.

It reads an order a line from standard input and answers with two lines for each: which process does it, and how that
ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from kedro.config import OmegaConfigLoader
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from finq_predictor.adapters.bronze import store as bronze
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.datasets.source import SourceDataset
from finq_predictor.adapters.http import HttpClient
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.sources import oanda
from finq_predictor.domain.ingestion import bars, records
from finq_predictor.hooks.snapshots import SnapshotHooks
from finq_predictor.pipeline_registry import register_pipelines
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.settings import CONFIG_LOADER_ARGS

MOST_FILES, MOST_CANDLES = 4, 40
OURS = "finq_predictor.adapters"
LATE = (
    "exchange_calendars",
    "httpx",
    "kedro_datasets.pandas",
    "pyarrow.parquet",
    "yfinance",
    f"{OURS}.datasets.atomic",
    f"{OURS}.datasets.json_value",
    f"{OURS}.datasets.snapshot",
    f"{OURS}.sources.chain",
    f"{OURS}.sources.fred",
    f"{OURS}.sources.rss",
    f"{OURS}.sources.yahoo",
)
STAGES: dict[str, list[tuple[object, str]]] = {
    "fetching": [(HttpClient, "get_json")],
    "storing": [(BronzeStore, "keep_part")],
    "merging": [(bronze, "merge"), (bronze, "superfluous")],
    "cleaning": [(bars, "clean_bars"), (records, "clean_articles"), (records, "clean_macro")],
    "publishing": [(writer, "keep"), (SnapshotStore, "publish")],
}
"""The functions of each stage; what lies in no stage is a start, a check, or the way from one stage to the next."""


class Diary:
    """Tells whoever may kill this process in which stage it is, by a line for each step into and out of a stage."""

    def __init__(self) -> None:
        self.pipe: int | None = None
        self._stages: list[str] = ["between"]

    def told(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which says when it begins and ends."""

        @wraps(function)
        def step(*args: Any, **options: Any) -> Any:
            self._stages.append(stage)
            self._say("+", stage)
            try:
                return function(*args, **options)
            finally:
                self._stages.pop()
                self._say("-", self._stages[-1])

        return step

    def _say(self, sign: str, stage: str) -> None:
        if self.pipe is not None:
            os.write(self.pipe, f"{sign}{stage}\n".encode())


class Ingestion:
    """The ingestion of currency pairs from real providers, as ``kedro run --env live`` puts it together.

    The configuration is read once, for a folder and a moment that are filled in later, and tables are not held to
    their suites: both take longer than the run itself.

    Args:
        conf: Folder of the configuration.
        params: Of the first run; those of later ones differ in ``data_root`` and ``until``.
    """

    def __init__(self, conf: str, params: dict[str, Any]) -> None:
        open_ones = {name: f"<{name}>" for name in ("data_root", "until")}
        loader = OmegaConfigLoader(conf, env="live", runtime_params={**params, **open_ones}, **CONFIG_LOADER_ARGS)
        self._catalog = {name: _without_suite(entry) for name, entry in loader["catalog"].items()}
        self._params = IngestionParams(**loader["parameters"]["fx"]["ingestion"])
        self._pipeline = register_pipelines()["ingestion"].only_nodes_with_namespaces(["ingestion.fx"])

    def run(self, params: dict[str, Any], *, bare: bool) -> None:
        """Run it as Kedro does, with the hooks that publish; ``bare`` only fetches and stores bars, with no claims."""
        catalog = DataCatalog.from_config(_filled(self._catalog, params), {"providers": {}})
        if bare:
            source, kept = catalog["fx.source_bars"], catalog["fx.bronze_bars"]
            assert isinstance(source, SourceDataset)
            assert isinstance(kept, BronzeDataset)
            kept.save(source.load())
            return
        catalog["params:fx.ingestion"] = self._params
        manager = _create_hook_manager()
        _register_hooks(manager, (SnapshotHooks(),))
        about = {"env": "live", "runtime_params": params}
        manager.hook.before_pipeline_run(run_params=about, pipeline=self._pipeline, catalog=catalog)
        SequentialRunner().run(self._pipeline, catalog, manager)
        manager.hook.after_pipeline_run(run_params=about, run_result={}, pipeline=self._pipeline, catalog=catalog)


def _without_suite(entry: Any) -> Any:
    return {name: value for name, value in entry.items() if name != "validator"} if isinstance(entry, dict) else entry


def _filled(entry: Any, params: dict[str, Any]) -> Any:
    if isinstance(entry, dict):
        return {name: _filled(value, params) for name, value in entry.items()}
    if isinstance(entry, list):
        return [_filled(value, params) for value in entry]
    if isinstance(entry, str):
        return entry.replace("<data_root>", params["data_root"]).replace("<until>", params["until"])
    return entry


def child(ingestion: Ingestion, order: dict[str, Any], diary: Diary) -> None:
    """Do what an order says, and end the process."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if "diary" in order:
        diary.pipe = os.open(order["diary"], os.O_WRONLY)
    try:
        ingestion.run(order["params"], bare=order["bare"])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def import_all() -> None:
    """Import what runs import when they need it, so that each finds it there."""
    for name in LATE:
        with suppress(ImportError), catch_warnings():
            simplefilter("ignore")
            import_module(name)


def main() -> None:
    """Serve orders until standard input ends."""
    project = Path(sys.argv[1])
    bootstrap_project(project)
    import_all()
    # Small files and pages, so that there are several of each in every run.
    bronze.MOST_FILES, oanda.MOST_CANDLES = MOST_FILES, MOST_CANDLES
    diary, ingestion = Diary(), None
    for stage, functions in STAGES.items():
        for owner, name in functions:
            setattr(owner, name, diary.told(stage, getattr(owner, name)))
    for line in sys.stdin:
        order = json.loads(line)
        ingestion = ingestion or Ingestion(order["conf"], order["params"])
        process = os.fork()
        if process == 0:
            child(ingestion, order, diary)
        print(json.dumps({"process": process}), flush=True)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
