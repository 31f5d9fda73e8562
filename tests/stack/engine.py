"""The stack of deploy/compose as processes of this machine, started as compose's file says.

Compose itself reads the file. Each part gets the command, the variables, the secrets and copies of the files that are
mounted; names of parts and places of mounts are written as they are here (`Substitution`), all else stays. What a
container gives beside that is none of it: no limits, no networks, no read-only files. A part is ready when the health
check of the file says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psutil

from postgres_server import free_port
from stack.machine import needed
from stack.substitution import Copied, Substitution

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "deploy" / "compose" / "compose.yml"
BIN = Path(sys.executable).parent
CONTAINERS = "/var/lib/docker/containers"
# Where each part listens in its container.
PORTS = {
    "proxy": 8080,
    "api": 8000,
    "mlflow": 5000,
    "postgres": 5432,
    "redis": 6379,
    "prometheus": 9090,
    "alertmanager": 9093,
    "node": 9100,
    "postgres-exporter": 9187,
    "redis-exporter": 9121,
}
_LONGEST_S = 120.0
_PAUSE_S = 0.1


class StackError(Exception):
    """A part does not do what compose says of it."""


@dataclass
class Part:
    """One part of the stack.

    Attributes:
        name: Its name.
        said: What compose says of it.
        substitution: What is written otherwise here.
        copied: What of its files differs from what is committed.
        process: Its process, once it runs.
        ready_s: Seconds from its start until its health check passed.
        ended: How it ended.
    """

    name: str
    said: Mapping[str, Any]
    substitution: Substitution
    copied: list[Copied] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    ready_s: float | None = None
    ended: str = ""


def configured(compose: str, secrets: Path, *profiles: str) -> Any:
    """What compose makes of its file.

    Args:
        compose: The program.
        secrets: Folder of the secrets.
        profiles: What is asked for beside the usual.
    """
    words = [compose, "-f", str(COMPOSE), *(word for one in profiles for word in ("--profile", one))]
    told = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "FINQ_SECRETS": str(secrets)}
    done = subprocess.run(
        [*words, "config", "--format", "json"], env=told, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise StackError(f"compose refuses {COMPOSE.name}: {done.stderr}")
    return json.loads(done.stdout)


def of_image(*stages: str) -> dict[str, str]:
    """The variables that the recipe of the images sets in some stages."""
    text = (PROJECT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    parts = re.split(r"^FROM \S+ AS ([\w-]+)\n", text, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for stage in stages:
        block = parts[parts.index(stage) + 1]
        for env in re.findall(r"^ENV ((?:.*\\\n)*.*)$", block, flags=re.MULTILINE):
            found |= dict(pair.split("=", 1) for pair in env.replace("\\\n", " ").split())
    return found


class Stack:
    """All parts, in one folder.

    Args:
        folder: An empty folder with a short name, which other users may pass through.
        compose: The program that reads compose's file.
        collector: The program that collects lines; None leaves that part out.
        elsewhere: Addresses outside of the stack -> where they are here.
        settings: Further variables by part.
        without: Parts that are left out.
        instead: Folders that are mounted in place of those of compose, by part.
    """

    def __init__(
        self,
        folder: Path,
        compose: str,
        collector: str | None = None,
        elsewhere: Mapping[str, str] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        without: Sequence[str] = (),
        instead: Mapping[str, Path] | None = None,
    ) -> None:
        self.folder, self._collector = folder, collector
        self._elsewhere, self._settings = dict(elsewhere or {}), settings or {}
        self._instead = dict(instead or {})
        folder.mkdir(exist_ok=True)
        for place in (folder, folder.parent):
            # PostgreSQL's user has to get through.
            if place.stat().st_uid == os.geteuid() and place != Path("/tmp"):
                place.chmod(place.stat().st_mode | 0o011)
        self.secrets = folder / "secrets"
        made = subprocess.run(
            [sys.executable, PROJECT / "deploy" / "compose" / "make_secrets.py", self.secrets],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        self.told = made.stdout.strip()
        self.config = configured(compose, self.secrets, *(["logging"] if collector else []))
        # Grafana is no package of Debian: what it would ask is asked for it.
        self.left_out = {"grafana", *without}
        self.ports = {name: free_port() for name in PORTS}
        self.app = folder / "app"
        self._pumps: list[threading.Thread] = []
        self._prepare_app()
        services = {name: one for name, one in self.config["services"].items() if name not in self.left_out}
        self.parts = {name: Part(name, said, self._substitution(name, said)) for name, said in services.items()}
        for part in self.parts.values():
            self.mount(part)

    # Places -------------------------------------------------------------------------------------------------------

    def url(self, name: str) -> str:
        """Address of a part."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def volume(self, name: str) -> Path:
        """Folder of a volume of compose; that of the data lies where the pipelines have it."""
        return self.app / "data" if name == "data" else self.folder / "volumes" / name

    def lines(self, name: str) -> str:
        """What a part wrote."""
        file = self._log(name)
        if not file.exists():
            return ""
        return "".join(json.loads(line)["log"] for line in file.read_text(encoding="utf-8").splitlines())

    def _log(self, name: str) -> Path:
        return self.folder / "containers" / name / f"{name}-json.log"

    def _prepare_app(self) -> None:
        """What the image of the pipelines holds: the code, its configuration, and a place for the data."""
        self.app.mkdir()
        shutil.copytree(PROJECT / "src", self.app / "src", ignore=shutil.ignore_patterns("*.egg-info"))
        shutil.copy(PROJECT / "pyproject.toml", self.app)
        shutil.copytree(PROJECT / "conf", self.app / "conf", ignore=shutil.ignore_patterns("local"))
        (self.app / "conf" / "local").mkdir()
        self.volume("data").mkdir()

    def _place(self, part: str, target: str) -> Path:
        return self.folder / "parts" / part / target.strip("/").replace("/", "_")

    def _substitution(self, name: str, said: Mapping[str, Any]) -> Substitution:
        pairs = {f"{other}:{port}": f"127.0.0.1:{self.ports[other]}" for other, port in PORTS.items()}
        pairs |= self._elsewhere
        for volume in said.get("volumes", []):
            if volume["target"] == CONTAINERS:
                pairs[CONTAINERS] = str(self.folder / "containers")
            else:
                pairs[volume["target"]] = str(
                    self.volume(volume["source"]) if volume["type"] == "volume" else self._place(name, volume["target"])
                )
        for place in said.get("tmpfs", []):
            target = place.partition(":")[0]
            pairs[target] = str(self._place(name, target))
        if said.get("secrets"):
            pairs["/run/secrets"] = str(self._place(name, "/run/secrets"))
        # Where they listen: here they are not alone on the machine.
        listens = f"127.0.0.1:{self.ports.get(name, 0)}"
        pairs |= {
            "proxy": {"listen 8080;": f"listen {listens};", "exec nginx": f"exec {self._nginx()}"},
            "redis": {"bind * -::*": "bind 127.0.0.1"},
            "mlflow": {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={self.ports['mlflow']}"},
        }.get(name, {})
        return Substitution(pairs)

    @staticmethod
    def _nginx() -> str:
        # Workers of root's nginx would be another user, who cannot reach its folder.
        user = "-g 'user root;' " if os.geteuid() == 0 else ""
        return f"{needed('nginx')} -e /dev/stderr {user}".strip()

    def mount(self, part: Part) -> None:
        """Put what compose mounts in its place: copies of files, folders of volumes, secrets."""
        part.copied.clear()
        for volume in part.said.get("volumes", []):
            if volume["target"] == CONTAINERS:
                continue
            if volume["type"] == "volume":
                self.volume(volume["source"]).mkdir(parents=True, exist_ok=True)
                continue
            target = self._place(part.name, volume["target"])
            shutil.rmtree(target, ignore_errors=True)
            source = self._instead.get(part.name, Path(volume["source"]))
            part.copied.append(part.substitution.copy(source, target))
        for place in part.said.get("tmpfs", []):
            self._place(part.name, place.partition(":")[0]).mkdir(parents=True, exist_ok=True)
        self.hand_secrets(part)

    def hand_secrets(self, part: Part) -> None:
        """Mount the secrets of a part, as they are now."""
        for secret in part.said.get("secrets", []):
            source = Path(self.config["secrets"][secret["source"]]["file"])
            target = self._place(part.name, "/run/secrets") / secret["source"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.write_text(part.substitution.apply(source.read_text(encoding="utf-8")), encoding="utf-8")
            target.chmod(0o444)

    # Processes ----------------------------------------------------------------------------------------------------

    def environment(self, part: Part) -> dict[str, str]:
        """The variables of a part: those of its image, and those of compose above them."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("FINQ_", "KEDRO_", "AWS_"))}
        image = self._image_variables(part.name)
        said = {key: value or "" for key, value in part.said.get("environment", {}).items()}
        apply = part.substitution.apply
        told = {key: apply(value) for key, value in {**image, **said, **self._settings.get(part.name, {})}.items()}
        return {**ours, **told}

    def _image_variables(self, name: str) -> dict[str, str]:
        places = {"PATH": f"{BIN}:{os.environ.get('PATH', '')}", "PYTHONPATH": str(self.app / "src")}
        image = self.parts[name].said["image"]
        if name == "api":
            # bentos/Dockerfile.j2: the service of this checkout stands for the bento in the image.
            served = {"BENTO_PATH": "finq_predictor.serving.service:Api", "FINQ_STATE_ROOT": "/var/lib/finq"}
            return {**places, **served, "BENTOML_HOST": "127.0.0.1", "BENTOML_PORT": str(self.ports["api"])}
        if image.startswith("finq-"):
            found = of_image("project", "data")
            # Of the image, not of compose: whoever writes there finds the folder of the part.
            home = self._place(name, "/var/lib/finq")
            own = {key: value.replace("/var/lib/finq", str(home)) for key, value in found.items()}
            return {**own, **places, "FINQ_DATA_ROOT": str(self.app / "data")}
        if name == "postgres":
            return {"PGPORT": str(self.ports["postgres"])}
        return {}

    def words(self, part: Part) -> list[str]:
        """The command of a part here."""
        listen = f"127.0.0.1:{self.ports.get(part.name, 0)}"
        said = [part.substitution.apply(word) for word in part.said["command"] or []]
        match part.name:
            case "postgres":
                return self._postgres(part)
            case "redis":
                return [
                    needed("redis-server"),
                    *said[1:],
                    "--port",
                    str(self.ports["redis"]),
                    "--dir",
                    str(self._place("redis", "/data")),
                ]
            case "prometheus":
                return [needed("prometheus"), *said, f"--web.listen-address={listen}"]
            case "alertmanager":
                words = [f"--web.listen-address={listen}", "--cluster.listen-address="]
                return [needed("prometheus-alertmanager"), *said, *words]
            case "node":
                return [needed("prometheus-node-exporter"), *said, f"--web.listen-address={listen}"]
            case "postgres-exporter":
                return [needed("prometheus-postgres-exporter"), *said, f"--web.listen-address={listen}"]
            case "redis-exporter":
                return [needed("prometheus-redis-exporter"), *said, f"-web.listen-address={listen}"]
            case "api":
                return [sys.executable, "-m", "finq_predictor.serving.container"]
            case "logs":
                return [str(self._collector), *said]
            case _:
                return [str(BIN / said[0]) if (BIN / said[0]).exists() else said[0], *said[1:]]

    def _postgres(self, part: Part) -> list[str]:
        """Do what the image does before it starts: make the files of the server, where there are none."""
        data, secrets = self.volume("postgres"), self._place("postgres", "/run/secrets")
        if os.geteuid() == 0:
            for folder in (data, self._place("postgres", "/run/postgresql")):
                shutil.chown(folder, "postgres", "postgres")
        if not (data / "PG_VERSION").exists():
            given = part.said["environment"]["POSTGRES_INITDB_ARGS"].split()
            password = f"--pwfile={secrets / 'postgres_password'}"
            words = [needed("initdb"), "-U", "postgres", password, *given, "--auth-local=trust", "--no-sync"]
            done = subprocess.run(
                [*words, "-D", str(data)], cwd=data, capture_output=True, text=True, timeout=60, check=False,
                **self._as_postgres(),
            )  # fmt: skip
            if done.returncode:
                raise StackError(f"initdb: {done.stderr}")
        socket = self._place("postgres", "/run/postgresql")
        settings = ["listen_addresses=127.0.0.1", "fsync=off"]
        return [
            needed("postgres"), "-D", str(data), "-p", str(self.ports["postgres"]), "-k", str(socket),
            *(word for one in settings for word in ("-c", one)),
        ]  # fmt: skip

    @staticmethod
    def _as_postgres() -> dict[str, Any]:
        # It refuses to run as root.
        return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}

    def _first_start_of_postgres(self) -> None:
        """Run the scripts that the image runs when the server starts for the first time."""
        done_before = self.volume("postgres") / ".scripts_ran"
        if done_before.exists():
            return
        part = self.parts["postgres"]
        secrets = {"SECRETS": str(self._place("postgres", "/run/secrets"))}
        reach = {"PGHOST": str(self._place("postgres", "/run/postgresql")), "PGPORT": str(self.ports["postgres"])}
        for script in sorted(self._place("postgres", "/docker-entrypoint-initdb.d").glob("*.sh")):
            done = subprocess.run(
                [str(script)], env={**self.environment(part), **secrets, **reach}, cwd=self.folder,
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            if done.returncode:
                raise StackError(f"{script.name}: {done.stderr}")
        done_before.touch()

    def start(self, name: str) -> None:
        """Start a part; what it writes is kept as the engine of containers keeps it."""
        part = self.parts[name]
        words = self.words(part)
        as_user = self._as_postgres() if name == "postgres" else {}
        where = self.volume("postgres") if name == "postgres" else self.app
        part.process = subprocess.Popen(
            words, cwd=where, env=self.environment(part), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, **as_user,
        )  # fmt: skip
        part.started_at, part.ready_s, part.ended = time.monotonic(), None, ""
        assert part.process.stdout is not None
        pump = threading.Thread(target=self._keep_lines, args=(part.process.stdout, self._log(name)), daemon=True)
        pump.start()
        self._pumps.append(pump)

    @staticmethod
    def _keep_lines(stream: IO[bytes], file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as kept, stream:
            for line in stream:
                now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
                told = {"log": line.decode("utf-8", errors="replace"), "stream": "stdout", "time": now}
                kept.write(json.dumps(told) + "\n")
                kept.flush()

    def is_well(self, name: str) -> bool:
        """Whether the health check of compose passes; what has none is well while it runs."""
        part = self.parts[name]
        check = part.said.get("healthcheck", {})
        if check.get("disable") or "test" not in check:
            return part.process is not None and part.process.poll() is None
        kind, *words = check["test"]
        said = [self._asked(part, word) for word in words]
        if kind == "CMD-SHELL":
            said = ["sh", "-c", *said]
        program = {"python": sys.executable, "finq": str(BIN / "finq")}.get(said[0]) or said[0]
        if said[0] == "pg_isready":
            program = needed("pg_isready")
        try:
            done = subprocess.run(
                [program, *said[1:]],
                env=self.environment(part),
                cwd=self.app,
                capture_output=True,
                timeout=30,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _asked(self, part: Part, word: str) -> str:
        """A word of a health check: a part that asks itself does so at its own port."""
        own = self.ports.get(part.name, 0)
        there, here = f"127.0.0.1:{PORTS.get(part.name, 0)}", f"127.0.0.1:{own}"
        return part.substitution.apply(word).replace(there, here).replace("redis-cli ", f"redis-cli -p {own} ")

    def up(self, also: Callable[[str], None] = lambda name: None) -> None:
        """Start all parts, each when those are as it wants them that it waits for; until all are well.

        Args:
            also: Called with the name of each part that has become well.

        Raises:
            StackError: If one ends, or is not well in time.
        """
        end = time.monotonic() + _LONGEST_S
        while any(part.ready_s is None for part in self.parts.values()):
            for name, part in self.parts.items():
                if part.process is None and self._may_start(part):
                    self.start(name)
                if part.process is not None and part.ready_s is None:
                    self._look(part, also)
            if time.monotonic() > end:
                late = [name for name, part in self.parts.items() if part.ready_s is None]
                raise StackError(f"not well within {_LONGEST_S:g} s: {late}\n{self.lines(late[0])[-3000:]}")
            time.sleep(_PAUSE_S)

    def _look(self, part: Part, also: Callable[[str], None]) -> None:
        assert part.process is not None
        if part.process.poll() is not None:
            raise StackError(f"{part.name} ended with {part.process.returncode}:\n{self.lines(part.name)[-3000:]}")
        if self.is_well(part.name):
            if part.name == "postgres":
                self._first_start_of_postgres()
            part.ready_s = time.monotonic() - part.started_at
            also(part.name)

    def _may_start(self, part: Part) -> bool:
        for name, how in part.said.get("depends_on", {}).items():
            other = self.parts.get(name)
            if other is None:
                continue
            if other.process is None or (how["condition"] == "service_healthy" and other.ready_s is None):
                return False
        return True

    def wait_well(self, name: str, seconds: float = _LONGEST_S) -> float:
        """Wait until a part that was started is well; returns the seconds it took."""
        end = time.monotonic() + seconds
        while self.parts[name].ready_s is None:
            self._look(self.parts[name], lambda name: None)
            if time.monotonic() > end:
                raise StackError(f"{name} is not well within {seconds:g} s:\n{self.lines(name)[-3000:]}")
            time.sleep(_PAUSE_S)
        return self.parts[name].ready_s or 0.0

    def exec(self, name: str, *words: str, seconds: float = 300.0, code: int | None = 0) -> str:
        """Run a command as `docker compose exec` does, with the variables of a part; returns what it writes."""
        program = str(BIN / words[0]) if (BIN / words[0]).exists() else words[0]
        done = subprocess.run(
            [program, *words[1:]], env=self.environment(self.parts[name]), cwd=self.app,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if code is not None and done.returncode != code:
            raise StackError(
                f"{' '.join(words)} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return done.stdout

    def kill(self, name: str) -> None:
        """Kill a part and all that it started, without a word before."""
        process = self.parts[name].process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def restart(self, name: str) -> float:
        """End a part as compose does, and start it with its secrets as they are now."""
        self.stop(name)
        self.hand_secrets(self.parts[name])
        self.start(name)
        return self.wait_well(name)

    def stop(self, name: str) -> str:
        """Ask a part to end and wait for as long as compose does; returns how it ended."""
        part = self.parts[name]
        process, grace = part.process, _seconds(part.said.get("stop_grace_period", "10s"))
        if process is None:
            return "not started"
        began = time.monotonic()
        # What PostgreSQL's image asks for; told to end by SIGTERM it waits for whoever still holds a connection.
        process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        try:
            process.wait(grace)
            part.ended = f"{time.monotonic() - began:.1f} s"
        except subprocess.TimeoutExpired:
            part.ended = f"killed after {grace:g} s"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        part.process = None
        return part.ended

    def down(self) -> list[str]:
        """End all parts, those first that wait for others; returns what did not end as it should."""
        wrong = []
        for name in reversed(self._order()):
            process = self.parts[name].process
            if process is None:
                continue
            if process.poll() is not None:
                wrong.append(f"{name} had ended by itself with {process.returncode}: {self.lines(name)[-500:]}")
                continue
            ended = self.stop(name)
            if ended.startswith("killed"):
                wrong.append(f"{name} {ended}")
        for pump in self._pumps:
            pump.join(10)
        # A job that outlived its scheduler works in our folder, as nothing else does.
        for process in self._ours():
            with contextlib.suppress(psutil.Error):
                wrong.append(f"process {process.pid} was left: {' '.join(process.cmdline())[:120]}")
                process.kill()
        return wrong

    def _ours(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
        return found

    def _order(self) -> list[str]:
        """Names of the parts, each after those that it waits for."""
        placed: list[str] = []

        def place(name: str) -> None:
            if name in self.parts and name not in placed:
                for other in self.parts[name].said.get("depends_on", {}):
                    place(other)
                placed.append(name)

        for name in self.parts:
            place(name)
        return placed


def _seconds(text: str) -> float:
    """``1m30s`` as compose writes it, in seconds."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", text))
