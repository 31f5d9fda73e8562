"""What dashboards ask is answered by a real Prometheus that watches the running system; Grafana can read the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from debian_servers import installed
from finq_predictor.adapters.alarms.deploy_files import prometheus_file
from finq_predictor.adapters.alarms.settings import Target, read_settings
from finq_predictor.adapters.dashboard_picture import ask_panel, draw, prometheus_at
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.datasets.source import SourceDataset
from finq_predictor.adapters.grafana import dashboard_json, write_dashboards
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.adapters.snapshots.writer import one_snapshot
from finq_predictor.cli import cli
from finq_predictor.domain.dashboards import COLUMNS, DASHBOARDS, Dashboard, Panel, Query
from finq_predictor.domain.errors import ConfigurationError, DataError, SourceUnavailableError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.chores import Chores
from finq_predictor.serving.keeper import Keeper
from finq_predictor.serving.lines import prediction_line
from finq_predictor.serving.score_cards import write_score_cards
from finq_predictor.serving.signal_records import write_signal_records
from finq_predictor.serving.spool import FOLDER, Spool
from postgres_server import free_port, running_postgres
from prometheus_servers import promtool, running_prometheus, running_push_gateway
from provider_server import ProviderServer, failing, text_answer
from redis_server import running_redis
from serving.servers import UVICORN, running
from serving.test_spool import said

QUESTIONS = [
    (board.name, panel, query) for board in DASHBOARDS.values() for panel in board.panels for query in panel.queries
]
MARKET = "fx"
# Of a machine without a GPU nothing is told of one; the figures themselves: tests/adapters/alarms/test_graphics.py.
ABSENT = {
    title: "there is no GPU here" for title in ("How busy GPUs are", "Memory of GPUs", "How hot GPUs are")
    if not Path("/dev/nvidiactl").exists()
}  # fmt: skip
PICTURES = os.environ.get("FINQ_PICTURES")
"""A folder, where pictures for the documentation are wanted; the system is then watched for minutes."""
WATCHED_S = 240.0 if PICTURES else 10.0
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>https://example.org</link>
<item><guid>1</guid><title>The euro rises: EUR/USD above 1.10</title><link>https://example.org/1</link></item>
</channel></rss>"""


def ask_a_provider(root: Path) -> None:
    """Let a source ask a provider for headlines, as a run of ingestion does; it fails once and then answers."""
    with ProviderServer() as provider:
        provider.queue("/feed", failing(503))
        provider.always("/feed", text_answer(FEED, content_type="application/rss+xml"))
        source = {
            "class": "finq_predictor.adapters.sources.rss.RssSource",
            "feeds": {"news": provider.url + "/feed", "gone": provider.url + "/gone"},
            "policy": {"attempts": 2, "first_wait_seconds": 0.01, "longest_wait_seconds": 0.01},
        }
        held = root / "01_bronze" / MARKET / "articles"
        asking = {"held": str(held), "since": "7D", "required": False}
        list(SourceDataset(source, asking).load())


def tell_the_past(root: Path, state: Path, models: dict[str, dict], store: ServedStore) -> None:
    """Let each model have said to callers what its walk-forward said, before anybody could know, and see what came."""
    spool = Spool(Layout(state).served / FOLDER, 2**30)
    for name, model in models.items():
        with one_snapshot(root, name) as snapshot:
            walk = pd.read_parquet(snapshot.path("oos_predictions"))
        walk = walk[walk["model"] == model["name"]]
        for row in walk[walk["ts"] > walk["ts"].max() - timedelta(days=60 if name == MARKET else 150)].itertuples():
            moment = row.ts.isoformat()
            line = said(
                market=name, instrument=row.instrument, feature_ts=moment, newest_ts=moment,
                horizon=model["horizon_bars"], model=model["name"], version=model["version"], snapshot=snapshot.id,
                probability=row.probability,
            )  # fmt: skip
            spool.record(prediction_line(spool.new_id(), b"r", int(row.ts.timestamp() * 1e6), b"null", line))
    spool.close()
    chores = Chores(root, timedelta(10**4), state=state)
    # That of the service may have been quicker with some of it.
    assert Keeper(state, lambda: store, chores=chores.run_once).run_once().problem == ""
    end = time.monotonic() + 60
    while not chores.run_once(store, past=True) and matured(state) < 1000 and time.monotonic() < end:
        time.sleep(0.5)
    now = datetime.now(UTC)
    write_score_cards(store.engine, root, now, state)
    write_signal_records(store.engine, root, now, state)
    assert matured(state) > 1000


def matured(state: Path) -> int:
    found = read_score_cards(state)
    return sum(card.counts.matured for card in found.cards) if found else 0


@contextmanager
def exporter(words: list[str | Path], address: str, **variables: str) -> Iterator[str]:
    """A program that tells Prometheus of another one; yields its address when it answers."""
    environment = {**os.environ, **variables}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://{address}/metrics", timeout=5)
                break
            except httpx.HTTPError:
                assert process.poll() is None, f"{words[0]} ended"
                assert time.monotonic() < end, f"{words[0]} does not answer"
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def exporters(texts: Path, redis: str, postgres: str) -> Iterator[dict[str, str]]:
    """Those of files, of Redis and of PostgreSQL, by the name of their job."""
    places = {name: f"127.0.0.1:{free_port()}" for name in ("node", "redis", "postgres")}
    of_files = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={texts}"]
    programs = {name: f"prometheus-{name}-exporter" for name in places}
    words = {
        "node": [*of_files, f"--web.listen-address={places['node']}"],
        "redis": ["-redis.addr", redis, "-web.listen-address", places["redis"]],
        "postgres": [f"--web.listen-address={places['postgres']}"],
    }
    database = postgres.replace("+psycopg", "") + "?sslmode=disable"
    with ExitStack() as stack:
        for name, place in places.items():
            program = installed(programs[name], programs[name])
            stack.enter_context(exporter([program, *words[name]], place, DATA_SOURCE_NAME=database))
        yield places


def do_jobs(project: Path, root: Path, gateway: str) -> None:
    """Let our scheduler run a job, and run another one by hand that tells a push gateway of itself."""
    words = ["--root", str(root), "--env", "test"]
    finq, kedro = (Path(sys.executable).parent / name for name in ("finq", "kedro"))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("FINQ_", "PYTHONPATH"))}
    bare["PYTHONPATH"] = str(project / "src")
    done = subprocess.run(
        [finq, "schedule", *words, "--once", "monitoring"],
        cwd=project, capture_output=True, text=True, timeout=300, env=bare,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    stage = ["run", "--env", "test", "--nodes", f"evaluation.{MARKET}.predict_latest", "--params", f"data_root={root}"]
    pushed = {**bare, "FINQ_PUSH_GATEWAY": gateway, "FINQ_PUSH_JOB": f"{MARKET}_predictions_by_hand"}
    done = subprocess.run([kedro, *stage], cwd=project, capture_output=True, text=True, timeout=300, env=pushed)
    assert done.returncode == 0, done.stdout + done.stderr


def prometheus_config(project: Path, api: str, places: dict[str, str], gateway: str) -> str:
    """The configuration that is deployed, of what runs here, looked at each second."""
    settings = read_settings(project / "conf").model_copy(
        update={
            "targets": (Target(url=f"{api}/metrics"),),
            "node_exporter": places["node"],
            "push_gateway": gateway.removeprefix("http://"),
            "exporters": {name: place for name, place in places.items() if name != "node"},
        }
    )
    config = prometheus_file(settings) | {"global": {"scrape_interval": "1s"}, "rule_files": [], "alerting": {}}
    return yaml.safe_dump(config)


@pytest.fixture(scope="module")
def prometheus(small_project, project_path, tmp_path_factory) -> Iterator[str]:
    """A Prometheus that watches the running system: an API that is asked, its stores, jobs, and what they left."""
    folder = tmp_path_factory.mktemp("watched")
    state, texts, tsdb, root = (folder / name for name in ("state", "texts", "tsdb", "data"))
    for place in (state, texts, tsdb, folder / "redis", folder / "postgres"):
        place.mkdir()
    shutil.copytree(small_project, root)
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(folder / "redis"))
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        gateway = stack.enter_context(running_push_gateway())
        places = stack.enter_context(exporters(texts, redis, postgres))
        ask_a_provider(root)
        do_jobs(project_path, root, gateway)
        told = {
            "FINQ_DATA_ROOT": str(root), "FINQ_STATE_ROOT": str(state), "FINQ_FRESH_HOURS": "1000000",
            "FINQ_REDIS_URL": redis, "FINQ_STORE_URL": postgres,
        }  # fmt: skip
        api = stack.enter_context(running(UVICORN, folder, **told))
        client = stack.enter_context(httpx.Client(base_url=api.url, timeout=30))
        models = {one["market"]: one for one in client.get("/models").json()["models"]}
        names = {market: client.get(f"/ranking?market={market}").json()["ranking"] for market in MARKETS}
        for market, ranked in names.items():
            asked = {"instrument": ranked[0]["instrument"], "market": market}
            models[market]["horizon_bars"] = client.post("/predict", json=asked).json()["horizon_bars"]
        tell_the_past(root, state, models, ServedStore(store_engine(state, {"FINQ_STORE_URL": postgres})))
        given = ["alarms", "measure", "--root", str(root), "--state", str(state), "--target", str(texts)]
        measured = CliRunner().invoke(cli, given, catch_exceptions=False)
        assert measured.exit_code == 0, measured.output
        for file in texts.glob("*.prom"):
            # What a folder is called on this machine belongs into no picture.
            named = file.read_text().replace(str(root), "data").replace(str(state), "state")
            file.write_text(named)
        (folder / "prometheus.yml").write_text(prometheus_config(project_path, api.url, places, gateway))
        with running_prometheus(tsdb, folder / "prometheus.yml") as url:
            ask_for(client, names, WATCHED_S)
            yield url


def ask_for(client: httpx.Client, names: dict[str, list[dict]], seconds: float) -> None:
    """Ask as clients do, right and wrong."""
    end, hours = time.monotonic() + seconds, count(30)
    while time.monotonic() < end:
        for market, ranked in names.items():
            for one in ranked[:4]:
                client.post("/predict", json={"instrument": one["instrument"], "market": market})
        client.post("/predict", json={"instrument": "NOBODY"})
        client.get(f"/history?instrument={names[MARKET][0]['instrument']}&limit=3")
        # A bar that nobody asked for before.
        asked = pd.Timestamp(names[MARKET][0]["feature_ts"]) - timedelta(hours=next(hours))
        client.post("/predict", json={"instrument": names[MARKET][0]["instrument"], "prediction_date": str(asked)})
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("board", "panel", "query"), QUESTIONS, ids=lambda one: one if isinstance(one, str) else "")
def test_every_question_is_answered(prometheus, board, panel, query):
    now = time.time()
    found = prometheus_at(prometheus)(query.promql, now - 10, now, 1.0)
    if panel.title in ABSENT:
        assert not found, f"it is answered, though {ABSENT[panel.title]}"
    else:
        assert found, f"{board}, {panel.title}: {query.promql}"


@pytest.mark.slow
def test_what_is_looked_at_is_what_runs(prometheus):
    """The figures of jobs, providers and stores come from what did them, and nobody wrote them for the test."""
    now = time.time()

    def told(promql: str) -> dict[str, float]:
        rows = prometheus_at(prometheus)(promql, now, now, 1.0)
        return {
            row["metric"].get("job") or row["metric"].get("source", ""): float(row["values"][-1][1]) for row in rows
        }

    took = told("finq_job_last_duration_seconds")
    assert took["monitoring"] > 0.0
    assert took[f"{MARKET}_predictions_by_hand"] > 0.0
    assert told('finq_job_runs_total{outcome="succeeded"} > 0') == {"monitoring": 1.0}
    assert told("sum by (source) (finq_provider_failures)")["rss"] >= 1.0
    assert (
        told("sum by (source) (finq_provider_calls)")["rss"] > told("sum by (source) (finq_provider_failures)")["rss"]
    )
    assert set(told("up").values()) == {1.0}
    assert set(told("up")) == {"finq-api", "node", "push", "redis", "postgres"}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DASHBOARDS))
def test_a_dashboard_is_drawn_from_the_answers(prometheus, name, tmp_path):
    picture = draw(DASHBOARDS[name], prometheus_at(prometheus), time.time(), max(60.0, WATCHED_S))
    (Path(PICTURES or tmp_path) / f"dashboard-{name}.png").write_bytes(picture)
    assert picture.startswith(b"\x89PNG")
    empty = draw(DASHBOARDS[name], lambda *_: [], time.time(), 60.0)
    assert len(picture) > 1.2 * len(empty)


@pytest.mark.slow
def test_pictures_are_drawn_by_a_command_and_a_wrong_question_is_told(prometheus, tmp_path):
    done = CliRunner().invoke(
        cli, ["dashboards", "draw", "--prometheus", prometheus, "--target", str(tmp_path), "business"]
    )
    assert (done.exit_code, [file.name for file in tmp_path.iterdir()]) == (0, ["business.png"]), done.output
    with pytest.raises(DataError, match="refuses 'sum by'"):
        prometheus_at(prometheus)("sum by", 0, 1, 1.0)


@pytest.mark.parametrize(("said", "found"), [("predict", (3600.0, 0.0)), ("abstain", (0.0, 1.0))])
def test_what_nobody_has_said_yet_is_none_of_it_and_not_unknown(tmp_path, said, found):
    """Of a counter that was never raised Prometheus knows nothing: the panels were empty while all was well."""
    panels = {panel.title: panel for panel in DASHBOARDS["business"].panels}
    tests = []
    for title, value in zip(("Answers to act upon", "Share of answers that abstain"), found, strict=True):
        (query,) = panels[title].queries
        tests.append(
            {"expr": query.promql, "eval_time": "20m", "exp_samples": [{"labels": '{market="coins"}', "value": value}]}
        )
    series = {"series": f'finq_predictions_total{{market="coins", decision="{said}"}}', "values": "0+60x30"}
    one = {"interval": "1m", "input_series": [series], "promql_expr_test": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [one]}))
    done = subprocess.run(
        [promtool(), "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_nobody_answers_it_is_said():
    with pytest.raises(SourceUnavailableError, match=r"No Prometheus answers at http://127.0.0.1:9"):
        prometheus_at("http://127.0.0.1:9")("up", 0, 1, 1.0)
    done = CliRunner().invoke(cli, ["dashboards", "draw", "bussiness"])
    assert done.exit_code == 1
    assert "business" in done.output


def test_a_legend_is_made_of_labels_and_what_is_no_number_is_left_out():
    panel = Panel("Up", "", (Query("up", "{{job}} of {{nothing}}"),))
    rows = [
        {"metric": {"job": "api"}, "values": [[0, "NaN"], [1, "2.5"], [2, "+Inf"]]},
        {"metric": {}, "values": [[0, "NaN"]]},
    ]
    (found,) = ask_panel(panel, lambda *_: rows, 0.0, 2.0)
    assert (found.name, found.seconds, found.values) == ("api of", (1.0,), (2.5,))


def test_the_files_are_up_to_date(project_path, tmp_path):
    (tmp_path / "old.json").write_text("{}")
    written = write_dashboards(list(DASHBOARDS.values()), tmp_path)
    kept = project_path / "deploy" / "grafana" / "dashboards"
    assert sorted(path.name for path in kept.iterdir()) == sorted(path.name for path in tmp_path.iterdir())
    for file in written:
        assert (kept / file.name).read_text() == file.read_text(), "run: finq dashboards files"


def test_panels_lie_beside_each_other_and_never_upon_each_other():
    for board in DASHBOARDS.values():
        taken = [(row, at) for panel, column, row in board.placed() for at in range(column, column + panel.width)]
        assert len(taken) == len(set(taken))
        assert max(at for _, at in taken) < COLUMNS
        assert all(panel.text.endswith(".") for panel in board.panels)


@pytest.mark.parametrize(
    ("make", "error", "why"),
    [
        (
            lambda: Query("rate(finq_prediction_request_total[5m])", ""),
            UnknownNameError,
            "finq_prediction_requests_total",
        ),
        (lambda: Panel("Wide", "", (Query("up", ""),), width=25), ConfigurationError, "25 columns"),
        (lambda: Panel("Silent", "", ()), ConfigurationError, "asks nothing"),
    ],
    ids=["misspelt", "too wide", "no question"],
)
def test_what_cannot_be_shown_is_refused(make, error, why):
    with pytest.raises(error, match=why):
        make()


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    """The types of Grafana, held against a file by the compiler of TypeScript."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here, which fetches the types of Grafana; install it with: apt-get install -y npm")
    folder = tmp_path_factory.mktemp("types")
    words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "typescript@5.9.3", "@grafana/schema@13.2.0"]
    try:
        done = subprocess.run(
            [npm, *words], cwd=folder, capture_output=True, text=True, timeout=120, env=dict(os.environ)
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm has not fetched the types of Grafana within two minutes; is there a network?")
    if done.returncode:
        pytest.skip(f"npm cannot fetch the types of Grafana: {done.stderr.strip()[-200:]}")

    def check(boards: dict[str, str]) -> subprocess.CompletedProcess[str]:
        # A file holds the value of an enumeration, which its type does not take.
        plain = "T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? Each<T> : T"
        lines = ['import type { Dashboard } from "@grafana/schema";', f"type Plain<T> = {plain};"]
        lines += ["type Each<T> = { [K in keyof T]: Plain<T[K]> };"]
        lines += [f"export const {name}: Plain<Partial<Dashboard>> = {text};" for name, text in boards.items()]
        (folder / "boards.ts").write_text("\n".join(lines))
        command = [folder / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict", "--skipLibCheck", "boards.ts"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)

    return check


@pytest.mark.slow
def test_the_files_fit_the_types_of_grafana_and_a_mistake_does_not(checker):
    boards = {name.replace("-", "_"): dashboard_json(board) for name, board in DASHBOARDS.items()}
    found = checker(boards)
    assert found.returncode == 0, found.stdout
    plain = json.loads(boards["business"])
    wrong = {
        "unknown": {**plain, "titel": "x"},
        "mistyped": {**plain, "refresh": 30},
        "misplaced": {**plain, "panels": [{**plain["panels"][0], "gridPos": {"x": "0", "y": 0, "w": 8, "h": 8}}]},
    }
    found = checker({name: json.dumps(board) for name, board in wrong.items()})
    assert [found.stdout.count(f"boards.ts({line},") >= 1 for line in (4, 5, 6)] == [True] * 3, found.stdout


def test_an_empty_dashboard_is_no_dashboard():
    assert list(Dashboard("none", "None", ()).placed()) == []
