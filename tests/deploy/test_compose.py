"""Everything on one host: what compose makes of the files, and every configuration it mounts, in a real program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import click
import httpx
import psycopg
import pytest
import redis
import yaml
from checkers import DEPLOY, PROJECT, checker, ran

from debian_servers import installed
from postgres_server import free_port, running_postgres
from serving.collector import collecting

COMPOSE = DEPLOY / "compose"
PARTS = {
    *("proxy", "api", "scheduler", "mlflow", "postgres", "redis", "prometheus", "alertmanager", "grafana"),
    *("figures", "node", "sentiment", "logs", "postgres-exporter", "redis-exporter"),
    *("airflow", "airflow-migrate", "airflow-scheduler", "airflow-dags", "airflow-triggerer"),
}
# What ends by itself, or in whose image nothing could ask.
ASKED_NOTHING = {"sentiment", "airflow-migrate", "logs"}
ROOT_READS = {"logs"}
MAKE_SECRETS = COMPOSE / "make_secrets.py"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("secrets") / "made"
    assert ran(sys.executable, MAKE_SECRETS, folder).returncode == 0
    return folder


def configured(*files: Path, secrets: Path, profiles: tuple[str, ...] = ("*",), **variables: str) -> Any:
    """What compose makes of its files, or what it says against them."""
    words = [word for file in files for word in ("-f", str(file))] + [w for one in profiles for w in ("--profile", one)]
    told = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "FINQ_SECRETS": str(secrets), **variables}
    done = ran(checker("docker-compose"), *words, "config", "--format", "json", env=told)
    if done.returncode:
        raise ValueError(done.stderr)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def stack(secrets) -> dict[str, Any]:
    return configured(COMPOSE / "compose.yml", secrets=secrets)


def test_every_part_is_there_and_optional_ones_wait_to_be_asked_for(stack, secrets):
    assert set(stack["services"]) == PARTS
    usual = configured(COMPOSE / "compose.yml", secrets=secrets, profiles=())["services"]
    assert {name: tuple(one["profiles"]) for name, one in stack["services"].items() if "profiles" in one} == {
        "sentiment": ("gpu",),
        "logs": ("logging",),
        **dict.fromkeys((name for name in PARTS if name.startswith("airflow")), ("airflow",)),
    }
    assert set(usual) == {name for name, one in stack["services"].items() if "profiles" not in one}
    (device,) = stack["services"]["sentiment"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def faults(stack: dict[str, Any]) -> list[str]:
    """What of our own rules a stack breaks, as `service: rule`."""
    found = []
    used = {one["source"] for service in stack["services"].values() for one in service.get("secrets", [])}
    for name, one in stack["services"].items():
        limits = one.get("deploy", {}).get("resources", {}).get("limits", {})
        image = one["image"]
        rules = {
            "read-only": one.get("read_only") is True,
            "no capability": one.get("cap_drop") == ["ALL"] and (name in ROOT_READS or "cap_add" not in one),
            "nobody rises": "no-new-privileges:true" in one.get("security_opt", []),
            "not root": name in ROOT_READS or str(one.get("user", "10001")).split(":")[0] != "0",
            "limits": {"cpus", "memory", "pids"} <= set(limits),
            "health": ("test" in one.get("healthcheck", {})) or name in ASKED_NOTHING,
            "a version": ":" in image and (image.startswith("finq-") or not image.endswith(":latest")),
            "ports for this machine": all(port.get("host_ip") == "127.0.0.1" for port in one.get("ports", [])),
            "lines end": one.get("logging", {}).get("options", {}).get("max-size"),
            "no secret in a variable": not [
                key
                for key, value in one.get("environment", {}).items()
                if re.search("PASSWORD|SECRET|TOKEN|JWT|CONN", key) and value and "/run/secrets/" not in str(value)
            ],
        }
        found += [f"{name}: {rule}" for rule, kept in rules.items() if not kept]
    return found + [f"{name}: unused" for name in stack["secrets"] if name not in used]


def test_every_part_is_held_small_and_tells_nothing(stack):
    assert faults(stack) == []
    assert stack["networks"]["back"]["internal"] is True
    assert {name for name, one in stack["services"].items() if set(one["networks"]) == {"back"}} == {
        "postgres",
        "redis",
    }
    # What a volume brings from this project is there, and can be changed by nobody within.
    for name, one in stack["services"].items():
        for volume in one.get("volumes", []):
            if volume["type"] == "bind":
                assert volume.get("read_only"), name
                assert Path(volume["source"]).exists() or volume["source"].startswith("/var/lib/docker"), volume


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("stop_grace_period: 1m", "stop_grace_periods: 1m", "not allowed"),
        ("redis: {condition: service_healthy}", "cache: {condition: service_healthy}", "undefined service"),
        ("networks: [front, back, watch]", "networks: [front, bakc]", "undefined network"),
        ('volumes: ["state:/var', 'volumes: ["sate:/var', "undefined volume"),
        ("secrets: [grafana_password]", "secrets: [grafana_pasword]", "undefined secret"),
    ],
)
def test_compose_refuses_a_mistake(tmp_path, secrets, old, new, said):
    text = (COMPOSE / "compose.yml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "compose.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        configured(tmp_path / "compose.yml", secrets=secrets)


@pytest.mark.parametrize(
    ("service", "change", "rule"),
    [
        ("api", {"read_only": False}, "read-only"),
        ("grafana", {"ports": [{"target": 3000}]}, "ports for this machine"),
        ("redis", {"user": "0:0"}, "not root"),
        ("proxy", {"image": "nginx"}, "a version"),
        ("postgres", {"environment": {"POSTGRES_PASSWORD": "told"}}, "no secret in a variable"),
    ],
)
def test_our_own_rules_notice_a_mistake(stack, service, change, rule):
    services = stack["services"] | {service: stack["services"][service] | change}
    assert f"{service}: {rule}" in faults(stack | {"services": services})


def test_everything_starts_before_there_is_anything_to_answer_from(stack):
    """A first run takes its time: whoever waits for the service waits for it to live, not for its answers."""
    lives = {"/livez", "/openapi.json"}
    for name in ("api", "proxy"):
        words = " ".join(stack["services"][name]["healthcheck"]["test"])
        assert re.search(r"127\.0\.0\.1:\d+(/\w+(?:\.json)?)", words)[1] in lives, name
    first = stack["services"]["api"]["depends_on"]["scheduler"]
    assert first == {"condition": "service_started", "required": False}


def test_secrets_are_made_once_for_their_owner(secrets, stack):
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}
    done = ran(sys.executable, MAKE_SECRETS, secrets)
    assert done.stdout.startswith("0 secrets")
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    mounted = {Path(one["file"]).name for one in stack["secrets"].values()}
    assert mounted <= set(before)
    assert len(set(before.values())) >= len(before) - 1, "only the two addresses of one database are the same"
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o444 for file in secrets.iterdir())


def test_every_command_of_ours_that_is_started_exists(stack):
    """`finq` and `kedro` of the images, down to their options."""
    from finq_predictor.cli import cli

    commands = [one["command"] for one in stack["services"].values() if one.get("command")]
    ours = [words for words in commands if words[0] in ("finq", "kedro")]
    assert {words[0] for words in ours} == {"finq", "kedro"}
    for words in ours:
        name, *options = words[1:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about Kedro's own
            command = cli.get_command(click.Context(cli), name)
            assert command is not None, name
            command.make_context(name, options)


# What is mounted ----------------------------------------------------------------------------------------------------


def for_a_container(tmp_path: Path, *scripts: str, **changes: str) -> Path:
    """The file for nginx as the command of the proxy makes it, below a folder of the test."""
    words = [word for script in scripts for word in ("-f", str(DEPLOY / "nginx" / script))]
    text = ran("sed", *words, DEPLOY / "nginx" / "finq.conf").stdout
    outer = (DEPLOY / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    if os.geteuid() == 0:
        outer = f"user root;\n{outer}"
    for old, new in {"/tmp/": f"{tmp_path}/", "/dev/stdout": f"{tmp_path}/log", **changes}.items():
        outer, text = outer.replace(old, new), text.replace(old, new)
    (tmp_path / "finq.conf").write_text(text, encoding="utf-8")
    (tmp_path / "nginx.conf").write_text(outer, encoding="utf-8")
    return tmp_path / "nginx.conf"


def test_the_proxy_in_a_container_reads_the_file_for_a_host(tmp_path, stack, secrets):
    nginx = installed("nginx", "nginx-light")
    assert "in-a-container.sed" in " ".join(stack["services"]["proxy"]["command"])
    plain = for_a_container(tmp_path, "in-a-container.sed", **{"server api:": "server 127.0.0.1:"})
    assert "listen 8080;" in plain.with_name("finq.conf").read_text()
    assert ran(nginx, "-t", "-c", plain).returncode == 0
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("tls_certificate", "tls_key"):
        (tmp_path / name).touch()
    made = ran(*command, "-subj", "/CN=x", "-keyout", tmp_path / "tls_key", "-out", tmp_path / "tls_certificate")
    assert made.returncode == 0, made.stderr
    parts = configured(COMPOSE / "compose.yml", COMPOSE / "tls.yml", secrets=secrets)["services"]
    over, figures = parts["proxy"], parts["figures"]
    # Where the proxy listens for others, asked by whoever looks when certificates end.
    assert figures["environment"]["FINQ_CERTIFICATES"] == f"proxy:{over['ports'][0]['target']}"
    assert set(figures["networks"]) & set(over["networks"]) == {"front"}
    assert [(port["published"], port["target"]) for port in over["ports"]] == [("443", 8443)]
    assert "with-tls.sed" in " ".join(over["command"])
    places = {"server api:": "server 127.0.0.1:", "/run/secrets/": f"{tmp_path}/"}
    tls = for_a_container(tmp_path, "with-tls.sed", "in-a-container.sed", **places)
    text = tls.with_name("finq.conf").read_text()
    assert text.count("listen 8443 ssl;") == 1
    assert "listen 8080" not in text
    assert re.search(r"^    add_header Strict-Transport-Security", text, re.MULTILINE)
    assert ran(nginx, "-t", "-c", tls).returncode == 0
    tls.with_name("finq.conf").write_text(text.replace("proxy_pass http://finq;", "proxy_pass http://fniq;", 1))
    assert "host not found" in ran(nginx, "-t", "-c", tls).stderr


def test_each_database_has_an_owner_who_reaches_no_other(tmp_path_factory, secrets):
    folder = tmp_path_factory.mktemp("postgres")
    with running_postgres(folder) as address:
        port = int(re.search(r":(\d+)/", address)[1])
        host = {"host": "127.0.0.1", "port": port}
        variables = {**os.environ, "SECRETS": str(secrets), "POSTGRES_USER": "finq_admin"}
        with psycopg.connect(**host, user="finq", dbname="postgres", autocommit=True) as admin:
            admin.execute("CREATE ROLE finq_admin SUPERUSER LOGIN")
        with psycopg.connect(**host, user="finq_admin", dbname="postgres", autocommit=True) as admin:
            # The test's own server has a user of that name, who cannot be dropped.
            admin.execute("ALTER ROLE finq RENAME TO finq_of_the_test")
        script = DEPLOY / "postgres" / "10-databases.sh"
        assert os.access(script, os.X_OK), "else the image of PostgreSQL would read it into its own shell"
        variables |= {"PGHOST": "127.0.0.1", "PGPORT": str(port)}
        done = ran(script, env=variables)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(**host, user="finq", dbname="finq") as own:
            own.execute("CREATE TABLE one (a int)")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(**host, user="finq", dbname="airflow")
        # Whoever watches sees how the server is, and nothing that it holds.
        with psycopg.connect(**host, user="watch", dbname="finq") as watch:
            assert watch.execute("SELECT sum(numbackends) FROM pg_stat_database").fetchone()[0] > 0
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                watch.execute("SELECT * FROM one")
        with psycopg.connect(**host, user="finq_admin", dbname="postgres") as admin:
            (hashed,) = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'finq'").fetchone()
        assert hashed.startswith("SCRAM-SHA-256$")
        again = ran(script, env=variables)
        assert again.returncode != 0, "a second time is an error that is seen"


def own_address() -> str:
    """An address of this machine by which it is no loopback, where it has one; nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def test_redis_lets_in_who_has_the_password_and_lets_nobody_administer(tmp_path, secrets):
    program, port = installed("redis-server", "redis-server"), free_port()
    text = (DEPLOY / "redis" / "redis.conf").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    here = own_address()
    (tmp_path / "redis.conf").write_text(text.replace("bind * -::*", f"bind 127.0.0.1 {here}"), encoding="utf-8")
    words = [program, tmp_path / "redis.conf", "--port", str(port), "--dir", tmp_path]
    server = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    url = (secrets / "redis_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{port}")
    try:
        client = redis.Redis.from_url(url, socket_timeout=5)
        end = time.monotonic() + 20
        while True:
            try:
                assert client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.05)
        assert client.set("a", 1)
        assert client.eval("return redis.call('incr', KEYS[1])", 1, "a") == 2
        assert client.register_script("return 1")() == 1
        assert client.info("server")
        for refused in (client.flushall, client.config_get):
            with pytest.raises(redis.exceptions.NoPermissionError):
                refused()
        stranger = redis.Redis(port=port)
        with pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
        # Whoever comes from another machine is not refused before the password was asked for.
        assert redis.Redis.from_url(url.replace("127.0.0.1", here), socket_timeout=5).ping()
        health = redis.Redis(port=port, username="health", password="none")
        assert health.ping()
        watch = redis.Redis(port=port, username="watch", password="none")
        assert watch.info()["redis_version"]
        for asker in (health, watch):
            with pytest.raises(redis.exceptions.NoPermissionError):
                asker.get("a")
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.parametrize(
    ("program", "words", "file", "old", "new"),
    [
        ("promtool", ["check", "config"], "prometheus/prometheus.yml", "scrape_configs:", "scrape_config:"),
        ("amtool", ["check-config"], "alertmanager/alertmanager.yml", "receiver: ", "receiver: not-"),
    ],
)
def test_what_watches_reads_its_file(tmp_path, program, words, file, old, new):
    package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[program]
    path = installed(program, package)
    folder = Path(shutil.copytree(DEPLOY / Path(file).parent, tmp_path / "copy"))
    for secret in folder.rglob("*.yml"):
        secret.write_text(secret.read_text(encoding="utf-8").replace("/run/secrets/", f"{tmp_path}/"), encoding="utf-8")
    for name in re.findall(rf"{tmp_path}/(\w+)", "".join(one.read_text() for one in folder.rglob("*.yml"))):
        (tmp_path / name).touch()
    whole = folder / Path(file).name
    good = ran(path, *words, whole)
    assert good.returncode == 0, good.stdout + good.stderr
    text = whole.read_text(encoding="utf-8")
    assert old in text
    whole.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert ran(path, *words, whole).returncode != 0


def test_lines_of_containers_reach_whoever_keeps_them(tmp_path):
    """By the collector itself: a line as docker writes it, out of a folder, over OTLP."""
    collector = checker("otel-collector")
    file = DEPLOY / "logging" / "collector.yml"
    lines = tmp_path / "abc" / "abc-json.log"
    lines.parent.mkdir()
    lines.touch()
    with collecting() as received:
        variables = {
            **os.environ,
            "FINQ_LOGS_AT": f"{tmp_path}/*/*-json.log",
            "FINQ_LOGS_ENDPOINT": received.url,
        }
        assert ran(collector, "validate", "--config", file, env=variables).returncode == 0
        wrong = tmp_path / "wrong.yml"
        wrong.write_text(file.read_text(encoding="utf-8").replace("exporters: [otlphttp]", "exporters: [otlp]"))
        assert ran(collector, "validate", "--config", wrong, env=variables).returncode != 0
        process = subprocess.Popen([collector, "--config", str(file)], env=variables, stderr=subprocess.PIPE, text=True)
        try:
            # It begins at the end of what is there, so it has to be told that it began.
            assert any("Everything is ready" in line for line in process.stderr)
            time.sleep(0.3)
            told = {"log": "a line of a container\n", "stream": "stdout", "time": "2026-11-30T12:00:00.123456789Z"}
            lines.write_text(json.dumps(told) + "\n")
            end = time.monotonic() + 20
            while not any(b"a line of a container" in body for body in received.bodies):
                assert time.monotonic() < end, "no line came"
                time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(30)
            process.stderr.close()


def test_grafana_finds_prometheus_and_the_folder_of_dashboards(stack):
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert set(stack["services"][host]["networks"]) & set(stack["services"]["grafana"]["networks"])
    assert port == "9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "finq.yml").read_text())["providers"]
    mounted = {one["target"] for one in stack["services"]["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted


def test_airflow_has_all_its_parts_and_its_pools(stack):
    """A wait is in the triggerer; a task whose pool was never made does not start."""
    services = stack["services"]
    parts = {"".join(one["command"]) for name, one in services.items() if name.startswith("airflow") and one["command"]}
    assert parts == {"api-server", "scheduler", "dag-processor", "triggerer"}
    script = services["airflow-migrate"]["entrypoint"][-1]
    assert script.index("db migrate") < script.index("pools import /app/deploy/airflow/pools.json")
    recipe = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    for made in ("pools.json", "plugins", "dags"):
        assert f"COPY deploy/airflow/{made} /app/deploy/airflow/" in recipe
    assert "AIRFLOW__CORE__PLUGINS_FOLDER=/app/deploy/airflow/plugins" in recipe


@pytest.mark.proof
def test_airflow_keeps_its_records_in_postgres_as_the_containers_tell_it(tmp_path, tmp_path_factory, stack, secrets):
    """With the settings of its containers: the tables are made, and its server says that its database is well."""
    python = PROJECT / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow environment: `make test` makes .venv-airflow")
    drivers = DEPLOY / "airflow" / "postgresql.txt"
    got = ran(
        sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "drivers", "-r", drivers
    )
    if got.returncode:
        pytest.skip(f"drivers of PostgreSQL cannot be had: {got.stderr[-200:]}")
    with running_postgres(tmp_path_factory.mktemp("postgres")) as address:
        for name in ("airflow_jwt", "airflow_users"):
            shutil.copy(secrets / name, tmp_path / name)
        (tmp_path / "airflow_url").write_text(address.replace("+psycopg:", "+psycopg2:"))
        told = stack["services"]["airflow"]["environment"]
        settings = {name: value.replace("/run/secrets/", f"{tmp_path}/") for name, value in told.items() if value}
        home = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__DAGS_FOLDER": str(DEPLOY / "airflow" / "dags")}
        variables = {**os.environ, **settings, **home, "PYTHONPATH": str(tmp_path / "drivers")}
        made = ran(python, "-m", "airflow", "db", "migrate", env=variables)
        assert made.returncode == 0, made.stderr[-3000:]
        port = free_port()
        server = subprocess.Popen(
            [str(python), "-m", "airflow", "api-server", "--port", str(port), "--workers", "1"],
            env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            end = time.monotonic() + 180
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    told = httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5).json()
                    assert told["metadatabase"]["status"] == "healthy"
                    break
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.3)
        finally:
            server.terminate()
            server.wait(60)
