"""What dashboards ask is answered by a real Prometheus that watches the running system; Grafana can read the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from debian_servers import installed
from finq_predictor.adapters.dashboard_picture import ask_panel, draw, prometheus_at
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.grafana import dashboard_json, write_dashboards
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.writer import one_snapshot
from finq_predictor.cli import cli
from finq_predictor.domain.dashboards import COLUMNS, DASHBOARDS, Dashboard, Panel, Query
from finq_predictor.domain.errors import ConfigurationError, DataError, SourceUnavailableError, UnknownNameError
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.metrics.jobs import FAILURES, HEARTBEAT, LAST_DURATION, LAST_SUCCESS, NEXT_RUN
from finq_predictor.domain.monitoring.delivery_gauges import CALLS, OUTAGES
from finq_predictor.domain.monitoring.delivery_gauges import FAILURES as CALL_FAILURES
from finq_predictor.domain.monitoring.gauges import Gauge
from finq_predictor.serving.chores import Chores
from finq_predictor.serving.keeper import Keeper
from finq_predictor.serving.lines import prediction_line
from finq_predictor.serving.score_cards import write_score_cards
from finq_predictor.serving.spool import FOLDER, Spool
from postgres_server import free_port
from prometheus_servers import running_prometheus
from serving.servers import UVICORN, running
from serving.test_spool import said

QUESTIONS = [
    (board.name, panel, query) for board in DASHBOARDS.values() for panel in board.panels for query in panel.queries
]
MARKET = "fx"
PROVIDERS = f"""\
# TYPE {CALLS.name} gauge
{CALLS.name}{{market="coins",table="bars",source="yahoo"}} 7
# TYPE {CALL_FAILURES.name} gauge
{CALL_FAILURES.name}{{market="coins",table="bars",source="yahoo"}} 1
# TYPE {OUTAGES.name} gauge
{OUTAGES.name}{{market="coins",table="bars"}} 1
"""


def tell_the_past(root: Path, state: Path, model: dict, horizon: int) -> None:
    """Let the served model have spoken about every bar, half right, and let its keeper see what became of it."""
    market, rng = MARKETS[MARKET], np.random.default_rng(0)
    with one_snapshot(root, MARKET) as snapshot:
        labels = make_labels(read_panel(snapshot, market), market, (horizon,)).dropna()
    spool = Spool(Layout(state).served / FOLDER, 2**30)
    for row in labels[labels["ts"] > labels["ts"].max() - timedelta(days=60)].itertuples():
        probability = float(
            np.clip(0.5 + 0.2 * (getattr(row, f"label_{horizon}") - 0.5) + 0.1 * rng.normal(), 0.01, 0.99)
        )
        moment = row.ts.isoformat()
        line = said(
            market=MARKET, instrument=row.instrument, feature_ts=moment, newest_ts=moment, horizon=horizon,
            model=model["name"], version=model["version"], snapshot=snapshot.id, probability=probability,
        )  # fmt: skip
        spool.record(prediction_line(spool.new_id(), b"r", int(row.ts.timestamp() * 1e6), b"null", line))
    spool.close()
    store, chores = ServedStore(store_engine(state, {})), Chores(root, timedelta(10**4), state=state)
    # That of the service may have been quicker with some of it.
    assert Keeper(state, lambda: store, chores=chores.run_once).run_once().problem == ""
    end = time.monotonic() + 60
    while not chores.run_once(store, past=True) and not matured(state) and time.monotonic() < end:
        time.sleep(0.5)
    write_score_cards(store.engine, root, datetime.now(UTC), state)
    assert matured(state) > 1000


def matured(state: Path) -> int:
    found = read_score_cards(state)
    return sum(card.counts.matured for card in found.cards) if found else 0


def schedule_text(now: float) -> str:
    of = {"job": "monitoring"}
    told = {LAST_SUCCESS: now - 60, LAST_DURATION: 12.5, FAILURES: 1.0, NEXT_RUN: now + 840}
    gauges = [Gauge.of(metric, [(of, value)]) for metric, value in told.items() if metric is not FAILURES]
    text = prometheus_text([*gauges, Gauge.of(HEARTBEAT, [({}, now)])])
    return f'{text}# TYPE {FAILURES.samples[0]} counter\n{FAILURES.samples[0]}{{job="monitoring"}} 1\n'


@contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """What tells Prometheus of the files of a folder."""
    program, address = installed("prometheus-node-exporter", "prometheus-node-exporter"), f"127.0.0.1:{free_port()}"
    words = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={folder}"]
    process = subprocess.Popen([program, *words, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def prometheus(small_project, project_path, tmp_path_factory) -> Iterator[str]:
    """A Prometheus with the configuration that is deployed, beside an API that is asked and what monitoring wrote."""
    folder = tmp_path_factory.mktemp("watched")
    state, texts, tsdb = folder / "state", folder / "texts", folder / "tsdb"
    for place in (state, texts, tsdb):
        place.mkdir()
    told = {"FINQ_DATA_ROOT": str(small_project), "FINQ_STATE_ROOT": str(state), "FINQ_FRESH_HOURS": "1000000"}
    with (
        running(UVICORN, folder, **told) as api,
        node_exporter(texts) as node,
        httpx.Client(base_url=api.url) as client,
    ):
        client.timeout = 30
        (model,) = (one for one in client.get("/models").json()["models"] if one["market"] == MARKET)
        names = {market: client.get(f"/ranking?market={market}").json()["ranking"] for market in MARKETS}
        first = names[MARKET][0]["instrument"]
        horizon = client.post("/predict", json={"instrument": first}).json()["horizon_bars"]
        tell_the_past(small_project, state, model, horizon)
        given = ["alarms", "measure", "--root", str(small_project), "--state", str(state), "--target", str(texts)]
        measured = CliRunner().invoke(cli, given, catch_exceptions=False)
        assert measured.exit_code == 0, measured.output
        for file in texts.glob("*.prom"):
            # What a folder is called on this machine belongs into no picture.
            named = file.read_text().replace(str(small_project), "data").replace(str(state), "state")
            file.write_text(named)
        (texts / "schedule.prom").write_text(schedule_text(time.time()))
        # The simulator asks no provider.
        (texts / "providers.prom").write_text(PROVIDERS)
        config = yaml.safe_load((project_path / "deploy" / "prometheus" / "prometheus.yml").read_text())
        config |= {"global": {"scrape_interval": "1s"}, "rule_files": [], "alerting": {}}
        (scraped,) = config["scrape_configs"]
        scraped.pop("authorization")
        scraped["static_configs"] = [{"targets": [api.url.removeprefix("http://")]}]
        texts_of = {"job_name": "node", "honor_labels": True, "static_configs": [{"targets": [node]}]}
        config["scrape_configs"] = [scraped, texts_of]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with running_prometheus(tsdb, folder / "prometheus.yml") as url:
            ask_for(client, names, 12.0)
            yield url


def ask_for(client: httpx.Client, names: dict[str, list[dict]], seconds: float) -> None:
    """Ask as clients do, right and wrong."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for market, ranked in names.items():
            for one in ranked[:4]:
                client.post("/predict", json={"instrument": one["instrument"], "market": market})
        client.post("/predict", json={"instrument": "NOBODY"})
        client.get(f"/history?instrument={names[MARKET][0]['instrument']}&limit=3")
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("board", "panel", "query"), QUESTIONS, ids=lambda one: one if isinstance(one, str) else "")
def test_every_question_is_answered(prometheus, board, panel, query):
    now = time.time()
    assert prometheus_at(prometheus)(query.promql, now - 10, now, 1.0), f"{board}, {panel.title}: {query.promql}"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DASHBOARDS))
def test_a_dashboard_is_drawn_from_the_answers(prometheus, name, tmp_path):
    picture = draw(DASHBOARDS[name], prometheus_at(prometheus), time.time(), 60.0)
    (tmp_path / f"{name}.png").write_bytes(picture)
    assert picture.startswith(b"\x89PNG")
    empty = draw(DASHBOARDS[name], lambda *_: [], time.time(), 60.0)
    assert len(picture) > 1.5 * len(empty)


@pytest.mark.slow
def test_pictures_are_drawn_by_a_command_and_a_wrong_question_is_told(prometheus, tmp_path):
    done = CliRunner().invoke(
        cli, ["dashboards", "draw", "--prometheus", prometheus, "--target", str(tmp_path), "business"]
    )
    assert (done.exit_code, [file.name for file in tmp_path.iterdir()]) == (0, ["business.png"]), done.output
    with pytest.raises(DataError, match="refuses 'sum by'"):
        prometheus_at(prometheus)("sum by", 0, 1, 1.0)


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
