"""Requests per second and latency of /predict beside its peers, and the parts of a request.

The load comes from `wrk` where it is installed, else from httpx; loopback only, for a bounded time. The machine is
shared by server and client: compare within one run.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.feature_files import write_rows
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.store import open_store
from finq_predictor.serving.inference import identity
from finq_predictor.serving.settings import Settings
from serving import small_market
from serving.conftest import started
from serving.servers import BENTO, BIN, UVICORN, running, serving

CONNECTIONS = 16
CROWDS = (64, 256)
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
MILLION = 1_000_000
NAMES = tuple(f"S{number:03d}" for number in range(100))
HELLO = """
import bentoml

@bentoml.service(name="hello", workers=1, metrics={"enabled": False}, tracing={"sample_rate": 0.0},
                 logging={"access": {"enabled": False}})
class Hello:
    @bentoml.api
    async def predict(self, instrument: str) -> dict[str, str]:
        return {"hello": instrument}
"""
Row = tuple[str, float, float, float, int]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A hundred stocks, six hundred bars and boosted trees."""
    folder = tmp_path_factory.mktemp("bench")
    market = MARKETS["equity"]
    tables = small_market.silver(market, bars=600, seed=1, instruments=NAMES)
    small_market.write_silver(folder, market, tables)
    bundle = small_market.train(market, small_market.panel_of(market, tables), "xgboost")
    small_market.crown(folder, bundle)
    return folder


def _load(
    url: str, bodies: list[str], folder: Path, headers: dict[str, str], connections: int = CONNECTIONS
) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in milliseconds, and answers other than 2xx."""
    headers = {"Content-Type": "application/json", **headers}
    with httpx.Client(headers=headers, timeout=60) as client:
        for body in bodies[:3] * 20:
            client.post(url, content=body).raise_for_status()
    if shutil.which("wrk"):
        return _wrk(url, bodies, folder, headers, connections)
    return asyncio.run(_httpx(url, bodies, headers, connections))


def _wrk(
    url: str, bodies: list[str], folder: Path, headers: dict[str, str], connections: int
) -> tuple[float, float, float, int]:
    quoted = ",\n".join(json.dumps(body) for body in bodies)
    said = "".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in headers.items())
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\n{said}local bodies = {{{quoted}}}\n'
        "local place = 0\nrequest = function()\n  place = place % #bodies + 1\n"
        "  return wrk.format(nil, nil, nil, bodies[place])\nend\n"
    )
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{SECONDS}s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(script),
        url,
    ]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return rate, _milliseconds(text, "50%"), _milliseconds(text, "99%"), int(wrong[1]) if wrong else 0


def _milliseconds(text: str, share: str) -> float:
    value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


async def _httpx(
    url: str, bodies: list[str], headers: dict[str, str], connections: int
) -> tuple[float, float, float, int]:
    took: list[float] = []
    wrong = 0
    end = time.perf_counter() + SECONDS

    async def ask(client: httpx.AsyncClient, offset: int) -> None:
        nonlocal wrong
        turn = offset
        while (began := time.perf_counter()) < end:
            body = bodies[turn % len(bodies)]
            answer = await client.post(url, content=body, headers=headers, timeout=60)
            took.append(time.perf_counter() - began)
            wrong += answer.status_code >= 300
            turn += connections

    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=connections)) as client:
        await asyncio.gather(*(ask(client, number) for number in range(connections)))
    cuts = statistics.quantiles(took, n=100)
    return len(took) / SECONDS, 1e3 * cuts[49], 1e3 * cuts[98], wrong


@pytest.mark.filterwarnings("ignore")  # mlflow's own, at import
def test_requests_per_second_beside_peers(root, tmp_path):
    """With a key, limits of its holder, the guard, a calibrated answer with its set, and every prediction recorded."""
    asked = [json.dumps({"instrument": name}) for name in NAMES[:40]]
    limits = {"FINQ_CALLER_RATE": "100000000", "FINQ_TOTAL_RATE": "100000000"}
    data = {"FINQ_DATA_ROOT": str(root), "FINQ_MARKETS": "equity", "FINQ_AUTH": "on", **limits}
    key = {"Authorization": f"Bearer {_key(root)}"}
    command, bodies = _mlflow(root, tmp_path)
    rows: list[Row] = []
    _print_head()

    def measure(
        name: str,
        bodies: list[str],
        route: str,
        command: tuple[str, ...],
        crowds: tuple[int, ...] = (),
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        began = time.perf_counter()
        with running(command, tmp_path, **options) as server:
            ready = time.perf_counter() - began
            for connections in (CONNECTIONS, *crowds):
                told = name if connections == CONNECTIONS else f"  {connections} connections"
                rows.append((told, *_load(server.url + route, bodies, tmp_path, headers or {}, connections)))
                _print(*rows[-1])
            print(f"{'':44}ready after {ready:.1f} s; {_memory(server.pid)}")

    ours: dict[str, Any] = {**data, "headers": key}
    measure("ours: bentoml serve", asked, "/predict", BENTO, CROWDS, **ours)
    measure("ours: bentoml serve, 2 workers", asked, "/predict", BENTO, **ours, FINQ_WORKERS="2")
    measure("ours: bentoml serve, hop to Inference", asked, "/predict", BENTO, **ours, FINQ_INFERENCE="service")
    measure("ours: uvicorn, 1 worker", asked, "/predict", UVICORN, **ours)
    two = {**ours, "arguments": ("--workers", "2")}
    measure("ours: uvicorn, 2 workers", asked, "/predict", UVICORN, CROWDS, **two)
    (tmp_path / "hello.py").write_text(HELLO)
    hello = (str(BIN / "bentoml"), "serve", "hello:Hello", "--host", "127.0.0.1", "--port")
    measure("peer: BentoML hello world, tuned", asked, "/predict", hello, wait_for="/readyz")
    measure("peer: mlflow models serve, the same trees", bodies, "/invocations", command, wait_for="/ping", **_quiet())
    assert not sum(row[-1] for row in rows)


def _key(root: Path) -> str:
    store = open_store(root, make=True)
    store.add_account("bench", Role.PREDICTOR)
    return store.make_key("bench", "load").text


def _memory(pid: int) -> str:
    """Resident memory of each process of a server."""
    sizes = []
    for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        what = next(
            (word for word in ("keeper", "finq-inference", "finq-api", "uvicorn") if word in str(one.cmdline())), ""
        )
        sizes.append(f"{what or 'other'} {one.memory_info().rss >> 20}")
    return f"MiB: {', '.join(sizes)}"


def test_a_million_rows_from_a_file(root, tmp_path):
    """Features as gold holds them, scored by the command in a process of its own, from start to end."""
    bundle = load_bundle(path_of(root, "equity", "champion"))
    panel = read_panel(SnapshotStore(root, "equity").newest(), MARKETS["equity"])
    from finq_predictor.domain.features import compute_features

    rows = compute_features(panel, bundle.feature_set, at=panel.ts[-300:])
    names = list(bundle.feature_set.names)
    rows[names] = rows[names].astype("float32")
    file = tmp_path / "features.parquet"
    repeats, rest = divmod(MILLION, len(rows))
    write_rows(file, [*([rows] * repeats), rows.head(rest)])
    command = [str(BIN / "finq"), "score", str(file), "--root", str(root), "--market", "equity"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    seconds = time.perf_counter() - began
    size, load = file.stat().st_size >> 20, os.getloadavg()[0]
    print(f"\n{done.stdout.strip()}")
    rate = f"{MILLION / seconds:,.0f} rows a second, {seconds:.1f} s in all"
    print(f"{rate}, {len(names)} features, {size} MiB, load {load:.1f}")


def _quiet() -> dict[str, str]:
    return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def _mlflow(root: Path, folder: Path) -> tuple[tuple[str, ...], list[str]]:
    """The same booster logged to a folder, and one row of features per request."""
    import mlflow.xgboost

    bundle = load_bundle(path_of(root, "equity", "champion"))
    names = list(bundle.feature_set.names)
    mlflow.xgboost.save_model(bundle.model.booster, str(folder / "mlflow-model"), pip_requirements=["xgboost"])
    panel = read_panel(SnapshotStore(root, "equity").newest(), MARKETS["equity"])
    from finq_predictor.domain.features import compute_features

    features = compute_features(panel, bundle.feature_set, at=panel.ts[-1:])[names].dropna().head(40)
    bodies = [json.dumps({"inputs": [row]}) for row in features.to_numpy().tolist()]
    command = (str(BIN / "mlflow"), "models", "serve", "-m", str(folder / "mlflow-model"), "--env-manager", "local")
    return (*command, "--host", "127.0.0.1", "--port"), bodies


def _print_head() -> None:
    tool = "wrk" if shutil.which("wrk") else "httpx"
    machine = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"\n{CONNECTIONS} connections, {SECONDS} s each, {tool}, {machine}")
    print(f"{'server':44}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'not 2xx':>9}")


def _print(name: str, rate: float, middle: float, tail: float, wrong: int) -> None:
    print(f"{name:44}{rate:9,.0f}{middle:9.2f}{tail:9.2f}{wrong:9}")


def _best(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call."""
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def test_parts_of_a_request(root, tmp_path):
    bundle = load_bundle(path_of(root, "equity", "champion"))
    rows = []
    with started(Settings(data_root=root, markets=("equity",))) as client:
        served = client.store.get("equity")
        newest, bars = served.predictor.newest, iter(reversed(served.predictor.panel.ts[:-2]))
        features = served.predictor.features_at(newest)
        one = features.head(1)
        rows += [
            ("model read from its export", _best(lambda: load_bundle(path_of(root, "equity", "champion")), 9)),
            (
                "panel read from silver (100 x 600)",
                _best(lambda: read_panel(SnapshotStore(root, "equity").newest(), MARKETS["equity"]), 5),
            ),
            ("a bar nobody asked for: features, model, answers", _best(lambda: served.answers(next(bars)), 20)),
            ("  of which the model, 100 rows", _best(lambda: bundle.predict(features), 50)),
            ("one row through the model", _best(lambda: bundle.predict(one), 200)),
            ("a remembered answer", _best(lambda: served.remembered(newest)["S000"], 2000)),
        ]
    with serving(BENTO, tmp_path, FINQ_DATA_ROOT=str(root), FINQ_MARKETS="equity", FINQ_INFERENCE="service") as url:
        body = {"instrument": "S000"}
        with httpx.Client(timeout=30) as http:
            rows.append(
                (
                    "POST /predict over one connection, with the hop",
                    _best(lambda: http.post(f"{url}/predict", json=body), 200),
                )
            )
    with (
        serving(BENTO, tmp_path, FINQ_DATA_ROOT=str(root), FINQ_MARKETS="equity") as url,
        httpx.Client(timeout=30) as http,
    ):
        rows.append(
            (
                "POST /predict over one connection, in process",
                _best(lambda: http.post(f"{url}/predict", json=body), 200),
            )
        )
        batch = {"market": "equity"}
        rows.append(
            ("POST /batch_predict, 100 instruments", _best(lambda: http.post(f"{url}/batch_predict", json=batch), 30))
        )
    print(
        f"\n{identity(bundle)['name']}, {len(bundle.feature_set.names)} features, load average {os.getloadavg()[0]:.1f}"
    )
    for name, seconds in rows:
        print(f"{name:52}{1e6 * seconds:14,.1f} us")
