"""The way through the stack, hop by hop: each does something for real and says by what it is proved, or fails."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psycopg
import redis
import yaml

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.lines import prediction_line, statement
from finq_predictor.serving.spool import FOLDER, Spool
from stack.engine import PROJECT, StackError
from stack.world import World, give_secret

QUERY_WINDOW_S = 120.0
# Whoever asks a service that is not ready gets 503; often enough, that rings.
READY_PAUSE_S = 3.0
# By what is in a query: of what there is nothing here.
NOT_HERE = {"finq_gpu_": "of GPUs", 'dimension="sector"': "of sectors, which these providers do not tell"}
# So many bars before the newest ones, of each of which the outcome is known.
PAST_BARS, LATEST_BARS = 320, 12
Step = Callable[["Way"], str]


@dataclass
class Way:
    """What is known on the way.

    Attributes:
        world: The stack, and what lies around it.
        key: Of an account that may predict.
        told: The answer to a question, by market.
    """

    world: World
    key: str = ""
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def signed(self) -> dict[str, str]:
        """What lets the account in."""
        return {"Authorization": f"Bearer {self.key}"}

    def proxy(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask through the proxy."""
        return httpx.request(method, f"{self.world.stack.url('proxy')}{path}", timeout=60, **more)

    def prometheus(self, path: str, **params: Any) -> Any:
        """Ask Prometheus."""
        answer = httpx.get(f"{self.world.stack.url('prometheus')}/api/v1/{path}", params=params, timeout=60)
        told = answer.json()
        if told["status"] != "success":
            raise StackError(f"Prometheus refuses {params}: {told}")
        return told["data"]

    def instant(self, query: str) -> list[Any]:
        """What a query finds now."""
        found: list[Any] = self.prometheus("query", query=query)["result"]
        return found


def require(holds: bool, what: str) -> None:
    """Refuse what does not hold."""
    if not holds:
        raise StackError(what)


def until(found: Callable[[], Any], seconds: float, what: str, pause: float = 0.2) -> Any:
    """Wait until something is there, and give it."""
    end = time.monotonic() + seconds
    while True:
        try:
            there = found()
        except httpx.TransportError:
            there = None
        if there:
            return there
        require(time.monotonic() < end, f"{what}: not within {seconds:g} s")
        time.sleep(pause)


def accounts(way: Way) -> str:
    """An account for a client, and one for Prometheus, by the commands of the how-to."""
    stack = way.world.stack
    stack.exec("api", "finq", "auth", "add", "desk", "--role", "predictor")
    way.key = stack.exec("api", "finq", "auth", "key", "desk").strip()
    stack.exec("api", "finq", "auth", "add", "prometheus", "--role", "viewer")
    give_secret(stack, "metrics_key", stack.exec("api", "finq", "auth", "key", "prometheus").strip())
    stack.restart("prometheus")
    with _database(way) as database:
        names = [name for (name,) in database.execute("SELECT name FROM accounts ORDER BY name")]
    require(names == ["desk", "prometheus"], f"accounts in PostgreSQL: {names}")
    return "desk and prometheus in PostgreSQL; the key of the latter given to Prometheus"


def doors(way: Way) -> str:
    """Who has no key gets nothing, and what is not for the outside is not there."""
    asked = {"instrument": "EUR_USD"}
    without, wrong = way.proxy("POST", "/predict", json=asked), {"Authorization": "Bearer finq_nobody_x"}
    statuses = [without.status_code, way.proxy("POST", "/predict", json=asked, headers=wrong).status_code]
    inner = way.proxy("GET", "/metrics", headers=way.signed)
    early = way.proxy("GET", "/ready")
    require(statuses == [401, 401], f"without a key: {statuses}")
    require(inner.status_code == 404, f"/metrics from outside: {inner.status_code}")
    return f"no key 401, a wrong one 401, /metrics from outside 404, /ready before the first run {early.status_code}"


def schedule(way: Way) -> str:
    """The scheduler finds its trainings due, asks the providers, and runs them and their validations to their end."""
    trainings = way.world.chains()
    began = time.monotonic()

    def ended() -> dict[str, dict[str, Any]] | None:
        events = [json.loads(line) for line in way.world.stack.lines("scheduler").splitlines() if line.startswith("{")]
        bad = [one for one in events if one["event"] in ("run_failed", "run_retries")]
        if bad:
            with open(bad[0]["output"], encoding="utf-8") as output:
                raise StackError(f"{bad[0]}\n{output.read()[-4000:]}")
        good = {one["job"]: one for one in events if one["event"] == "run_succeeded"}
        return good if trainings <= set(good) else None

    good = until(ended, 400.0, "the trainings")
    asked = len(way.world.providers.yahoo.requests)
    require(asked > 0, "no provider was asked")
    told = ", ".join(f"{name} {good[name]['seconds']:.0f} s" for name in sorted(trainings))
    return f"{told} (side by side, {time.monotonic() - began:.0f} s); {asked} requests to providers"


def registry(way: Way) -> str:
    """MLflow's server shows the versions that were registered, and which is the champion."""
    address = f"{way.world.stack.url('mlflow')}/api/2.0/mlflow/registered-models/get"
    found = []
    for market in MARKETS.values():
        answer = httpx.get(address, params={"name": market.registered_model}, timeout=60)
        require(answer.status_code == 200, f"{market.registered_model}: {answer.text[:300]}")
        model = answer.json()["registered_model"]
        aliases = {one["alias"]: one["version"] for one in model.get("aliases", [])}
        require(bool(aliases), f"{market.registered_model} has no alias: {model}")
        found.append(f"{market.registered_model} {', '.join(f'{name} = {of}' for name, of in sorted(aliases.items()))}")
    return "; ".join(found)


def ready(way: Way) -> str:
    """The API serves what the runs have published, without being started again."""
    answer = until(lambda: _ready(way), 60.0, "a ready API", READY_PAUSE_S)
    models = way.proxy("GET", "/models", headers=way.signed).json()["models"]
    require({one["market"] for one in models} == set(MARKETS), f"models: {models}")
    named = ", ".join(f"{one['market']} {one['name']} {one['version']} ({one['status']})" for one in models)
    return f"/ready {answer['status']}; {named}"


def _ready(way: Way) -> Any:
    answer = way.proxy("GET", "/ready")
    return answer.json() if answer.status_code == 200 else None


def prediction(way: Way) -> str:
    """A client asks through the proxy."""
    said = []
    for market in MARKETS:
        ranked = way.proxy("GET", f"/ranking?market={market}", headers=way.signed).json()["ranking"]
        asked = {"instrument": ranked[0]["instrument"], "market": market}
        sent = {**way.signed, "X-Request-ID": f"stack-proof-{market}"}
        answer = way.proxy("POST", "/predict", json=asked, headers=sent)
        require(answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}")
        way.told[market] = {**answer.json(), "request": answer.headers["x-request-id"]}
        told = way.told[market]
        said.append(f"{told['instrument']} {told['probability']:.3f} of the bar {str(told.get('feature_ts', ''))[:16]}")
    return "; ".join(said)


def past(way: Way) -> str:
    """What a stack has that has run for months: what its models said, in the spool where the API lays it.

    It is made up, half right; what became of it is found by the API's keeper, which stores and judges it.
    """
    chance, stack, said = np.random.default_rng(0), way.world.stack, []
    spool = Spool(Layout(stack.volume("state")).served / FOLDER, 2**30)
    for market, told in way.told.items():
        bars = pd.read_parquet(path_of(way.world.root, market, "silver_bars"), columns=["ts", "instrument"])
        times = bars["ts"].drop_duplicates().sort_values().iloc[-PAST_BARS:-LATEST_BARS]
        rows, snapshot = bars[bars["ts"].isin(times)], SnapshotStore(way.world.root, market).newest().id
        for row in rows.itertuples():
            moment, micros = row.ts.isoformat(), int(row.ts.timestamp() * 1e6)
            about = {"market": market, "instrument": row.instrument, "feature_ts": moment, "newest_ts": moment}
            of = {"model": told["model"]["name"], "version": told["model"]["version"], "horizon": told["horizon_bars"]}
            line = statement(
                **about, **of, probability=float(chance.uniform(0.3, 0.7)), decision="predict", snapshot=snapshot
            )
            require(spool.record(prediction_line(spool.new_id(), b"stack", micros, b"null", line)), "the spool is full")
        said.append(f"{market} {len(rows):,} on {len(times)} bars")
    spool.close()
    return f"laid into the spool, made up: {'; '.join(said)}"


def stored(way: Way) -> str:
    """What was answered is in PostgreSQL, by its owner, as it was answered."""

    def found() -> dict[str, float] | None:
        ids = [str(told["prediction_id"]) for told in way.told.values()]
        with _database(way) as database:
            rows = database.execute(
                "SELECT id, probability, asked_by FROM served_predictions WHERE id = ANY(%s)", (ids,)
            ).fetchall()
        return {one[0]: one for one in rows} if len(rows) == len(ids) else None

    rows = until(found, 30.0, "the predictions in PostgreSQL")
    for told in way.told.values():
        row = rows[told["prediction_id"]]
        require(abs(row[1] - told["probability"]) < 1e-12, f"stored {row}, answered {told['probability']}")
    return f"{len(rows)} rows, the probabilities to the last bit, asked by {next(iter(rows.values()))[2]}"


def shared(way: Way) -> str:
    """The processes of the API keep limits and answers together in Redis, as the user that may do no more."""
    stack = way.world.stack
    url = (stack.secrets / "redis_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{stack.ports['redis']}")
    client = redis.Redis.from_url(url, socket_timeout=5)
    keys = until(client.dbsize, 20.0, "keys in Redis")
    names = sorted({re.split(r"[:{]", key.decode())[0] for key in client.scan_iter()})
    client.close()
    return f"{keys} keys ({', '.join(names)})"


def batch(way: Way) -> str:
    """The jobs that predict for all instruments, by hand as `docker compose exec` does it."""
    jobs, told = way.world.jobs("_predictions"), []
    for job in jobs:
        way.world.stack.exec("scheduler", "finq", "schedule", "--once", job)
    for market in MARKETS:
        table = pd.read_parquet(path_of(way.world.root, market, "predictions"))
        require(len(table) > 0, f"no predictions of {market}")
        told.append(f"{market} {len(table)} of {table['ts'].max():%Y-%m-%d %H:%M}")
    return "; ".join(told)


def monitoring(way: Way) -> str:
    """The job that watches runs, and what it found is gathered for Prometheus."""
    way.world.stack.exec("scheduler", "finq", "schedule", "--once", "monitoring")
    folder = way.world.stack.volume("figures")
    names = until(lambda: _gathered(folder), 60.0, "the files of figures")
    return f"{len(names)} files: {', '.join(names)}"


def _gathered(folder: Any) -> list[str] | None:
    names = sorted(file.name for file in folder.glob("*.prom"))
    wanted = {*(f"finq_monitoring_{market}.prom" for market in MARKETS), "finq_schedule.prom", "finq_surroundings.prom"}
    return names if wanted <= set(names) else None


def scraped(way: Way) -> str:
    """Prometheus reads the API with its key, and the files through the exporter."""

    def up() -> list[Any] | None:
        targets = way.prometheus("targets", state="active")["activeTargets"]
        return targets if all(one["health"] == "up" for one in targets) else None

    targets = until(up, 60.0, "targets that are up")
    names = (
        "finq_ready",
        "finq_scheduler_heartbeat_timestamp_seconds",
        "finq_disk_free_ratio",
        "finq_data_freshness_hours",
    )
    for name in names:
        until(lambda name=name: way.instant(name), 60.0, name)
    rules = way.prometheus("rules")["groups"][0]["rules"]
    broken = [one["name"] for one in rules if one["health"] == "err"]
    require(not broken, f"rules that cannot be computed: {broken}")
    return f"up: {', '.join(sorted(one['labels']['job'] for one in targets))}; {len(rules)} rules computed"


def ask_on(way: Way, seconds: float) -> None:
    """Ask as clients do, right and wrong, for some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for market, told in way.told.items():
            way.proxy("POST", "/predict", json={"instrument": told["instrument"], "market": market}, headers=way.signed)
        way.proxy("POST", "/predict", json={"instrument": "NOBODY"}, headers=way.signed)
        way.proxy(
            "GET", f"/history?instrument={next(iter(way.told.values()))['instrument']}&limit=3", headers=way.signed
        )
        time.sleep(0.3)


def dashboards(way: Way) -> str:
    """Whatever Grafana would ask for the panels that it is given is answered."""
    source = yaml.safe_load(
        (PROJECT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )
    (address,) = (one["url"] for one in source["datasources"])
    require(address == "http://prometheus:9090", f"Grafana asks {address}")
    queries = [
        (file.stem, panel["title"], target["expr"])
        for file in sorted((PROJECT / "deploy" / "grafana" / "dashboards").glob("*.json"))
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", [])
    ]
    left_out = [one for one in queries if any(mark in one[2] for mark in NOT_HERE)]
    queries = [one for one in queries if one not in left_out]
    end = time.monotonic() + 180.0
    while True:
        ask_on(way, 5.0)
        unanswered = [one for one in queries if not _ranged(way, one[2])]
        if not unanswered or time.monotonic() > end:
            break
    require(not unanswered, f"panels without an answer: {unanswered}")
    asked = f"{len(queries)} queries of {len({one[0] for one in queries})} dashboards, none without an answer"
    return f"{asked}; {len(left_out)} are not asked, {' and '.join(NOT_HERE.values())}"


def _ranged(way: Way, query: str) -> list[Any]:
    now = time.time()
    found: list[Any] = way.prometheus("query_range", query=query, start=now - QUERY_WINDOW_S, end=now, step=5)["result"]
    return [one for one in found if any(value != "NaN" for _, value in one["values"])]


def logged(way: Way) -> str:
    """The line of a request goes from the API, as the engine of containers keeps it, to whoever collects lines."""
    sought = [told["request"].encode() for told in way.told.values()]
    until(
        lambda: all(any(one in body for body in way.world.lines.bodies) for one in sought),
        30.0,
        "the lines of requests",
    )
    named = ", ".join(told["request"] for told in way.told.values())
    return f"the requests {named} arrived by OTLP, among {len(way.world.lines.bodies)} messages"


def alarm(way: Way) -> str:
    """The API is killed: at the delays that are committed, three channels are told of that and of nothing else."""
    world, title = way.world, "Service down"
    before = len(world.chat.got)
    world.stack.kill("api")
    killed = time.monotonic()
    told: dict[str, Callable[[], list[Any]]] = {
        "chat": lambda: [got for got in world.chat.got if title in json.dumps(got[2])],
        "mail": lambda: [got for got in world.mail.mails if title in got[2]],
        "pager": lambda: [got for got in world.pager.got if title in json.dumps(got[2])],
    }
    first = {name: until(found, 150.0, f"{title} by {name}")[0] for name, found in told.items()}
    texts = [first["chat"][2]["attachments"][0]["text"], first["mail"][2]]
    require(all("docs/runbooks/service-down.md" in text for text in texts), f"no runbook in {texts}")
    path, _, event, _ = first["pager"]
    require((path, event["routing_key"]) == ("/v2/enqueue", "key-of-a-service"), f"the pager got {path} {event}")
    titles = [one["title"] for body in world.chat.bodies[before:] for one in body["attachments"]]
    require(titles == [f"firing: {title}"], f"the chat was told {titles}")
    seconds = ", ".join(f"{name} after {got[3] - killed:.0f} s" for name, got in first.items())
    return f"{seconds}, with the runbook; mail by STARTTLS and with a password; nothing else was told"


def recovered(way: Way) -> str:
    """Started again, the API is ready from what it finds, and the end of the alarm is told."""
    stack = way.world.stack
    stack.start("api")
    seconds = stack.wait_well("api")
    until(lambda: _ready(way), 60.0, "a ready API", READY_PAUSE_S)
    until(
        lambda: [one for one in way.world.chat.bodies if one["attachments"][0]["title"] == "resolved: Service down"],
        120.0,
        "the end of the alarm",
    )
    return f"well after {seconds:.1f} s; the chat was told that it is over"


def _database(way: Way) -> psycopg.Connection[Any]:
    stack = way.world.stack
    password = (stack.secrets / "finq_password").read_text().strip()
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.ports["postgres"],
        user="finq",
        dbname="finq",
        password=password,
        connect_timeout=10,
    )


HOPS: dict[str, Step] = {
    "accounts": accounts,
    "doors": doors,
    "schedule -> providers": schedule,
    "training -> registry": registry,
    "publication -> API": ready,
    "client -> proxy -> API": prediction,
    "the past": past,
    "API -> PostgreSQL": stored,
    "API -> Redis": shared,
    "batch predictions": batch,
    "monitoring -> figures": monitoring,
    "figures -> Prometheus": scraped,
    "dashboards": dashboards,
    "lines -> collector": logged,
    "alarm -> people": alarm,
    "recovery": recovered,
}
