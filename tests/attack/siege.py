"""A server under attack, and what the others notice of it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx

from attack.attacks import ANSWERS, NAMES, batch, post
from attack.flood import CUT_OFF, connection_to, send
from finq_predictor.domain.market.markets import MARKETS
from serving import small_market
from serving.servers import UVICORN, Server

COMMAND = UVICORN
ARGUMENTS = ("--http", "finq_predictor.serving.connections:Connection")
SETTINGS = {"FINQ_MARKETS": "equity", "FINQ_HEADER_SECONDS": "2", "FINQ_BODY_SECONDS": "3"}
CHEAP = (("GET", "/health", b"", {}), post("/predict", {"instrument": "AGNX"}))
MOST_MB = 100
LONGEST_MS = 50.0


@dataclass(frozen=True)
class Report:
    """What came of an attack.

    Attributes:
        name: The attack.
        expected: The answers it should get.
        seen: Answers by status; 0 is an end of the connection.
        worst_ms: Longest wait of another client for a cheap answer.
        usual_ms: What half of them waited at most.
        grown_mb: Memory of the server after the attack, more than before.
        series: Lines of the metrics, more than before.
        wrong: What should not have happened, in a sentence each.
    """

    name: str
    expected: tuple[int, ...]
    seen: dict[int, int]
    worst_ms: float
    usual_ms: float
    grown_mb: int
    series: int
    wrong: tuple[str, ...]

    def line(self) -> str:
        """One line of the table."""
        seen = ", ".join(f"{status or 'closed'} x {count}" for status, count in sorted(self.seen.items()))
        late = " !" if self.worst_ms > LONGEST_MS else ""
        expected = "/".join(str(status or "closed") for status in self.expected)
        return (
            f"{self.name:<38} {expected:<12} {seen:<36} {self.worst_ms:7.1f}{late:<2} {self.usual_ms:6.1f} "
            f"{self.grown_mb:+5d} {self.series:+4d}  {'; '.join(self.wrong) or 'held'}"
        )


HEADING = f"{'attack':<38} {'expected':<12} {'answered':<36} {'worst ms':>7}   {'half':>6} {'MB':>5} {'+ln':>4}"


def wide_market(root: Path) -> Path:
    """Make a data root of one market with many names."""
    market = MARKETS["equity"]
    tables = small_market.silver(market, 330, 7, NAMES)
    small_market.write_silver(root, market, tables)
    small_market.crown(root, small_market.train(market, small_market.panel_of(market, tables)))
    return root


def warm_up(server: Server) -> None:
    """Let every route count something, so that what comes later adds no first lines to the metrics."""
    odd = [("GET", "/nowhere", b"", {}), ("DELETE", "/predict", b"", {}), ("GET", "/ranking?limit=x", b"", {})]
    known = [("GET", path, b"", {}) for path in ("/", "/ranking", "/models", "/docs", "/openapi.json", "/metrics")]
    asked = [batch({"instruments": ["AGNX", "NOBODY"]}), batch({"instruments": ["NOBODY"]}), batch(b"{}"), batch(b"[")]
    with contextlib.closing(connection_to(server.url)) as connection:
        for sent in (*odd, *known, *asked, *CHEAP, *CHEAP, post("/predict", b"{}")):
            send(connection, sent)


def under_flood(server: Server, name: str, seconds: float) -> Report:
    """Send an attack in a loop from another process while cheap requests are timed."""
    command = [sys.executable, str(Path(__file__).with_name("flood.py")), server.url, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdin is not None
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "begun\n"

        def end() -> dict[int, int]:
            attacker.stdin.close()
            return {int(status): count for status, count in json.loads(attacker.stdout.readline()).items()}

        return _watched(server, name, ANSWERS[name], seconds, end)


def under_siege(server: Server, name: str, seconds: float) -> Report:
    """Hold connections in an odd way while cheap requests are timed."""
    content, count, expected = SIEGES[name]
    port = int(server.url.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(count)]
        for connection in held:
            with contextlib.suppress(OSError):
                connection.sendall(content())

        def end() -> dict[int, int]:
            found: dict[int, int] = {}
            for connection in held:
                status = _status(connection)
                found[status] = found.get(status, 0) + 1
            return found

        return _watched(server, name, expected, seconds, end)


SIEGES: dict[str, tuple[Callable[[], bytes], int, tuple[int, ...]]] = {
    "connections that say nothing": (lambda: b"", 200, (408, CUT_OFF)),
    "headers that do not end": (lambda: b"GET /health HTTP/1.1\r\nhost: finq\r\nx-half: ", 100, (408, CUT_OFF)),
    "a header of 64 KB": (lambda: b"GET / HTTP/1.1\r\nx-long: " + b"a" * 65_536, 20, (431, CUT_OFF)),
    "a body that does not come": (
        lambda: b"POST /predict HTTP/1.1\r\nhost: finq\r\ncontent-length: 900\r\n\r\n{",
        100,
        (408, CUT_OFF),
    ),
    "no HTTP at all": (lambda: b"\x16\x03\x01\x02\x00 finq", 20, (400, CUT_OFF)),
}
"""What is sent on each connection, on how many, and how they may end."""


def _watched(
    server: Server, name: str, expected: tuple[int, ...], seconds: float, end: Callable[[], dict[int, int]]
) -> Report:
    memory, series = _memory(server), _series(server)
    wrong = []
    try:
        delays = sorted(_delays(server.url, seconds))
    except OSError as failure:
        delays, wrong = [float("inf")], [f"another client got no answer: {failure!r}"]
    seen = end()
    # Refusing because too much is asked for is what is wanted; it says when to come again.
    if strange := sorted(set(seen) - {*expected, 503}):
        wrong.append(f"answered {', '.join(str(status or 'closed') for status in strange)}")
    if not seen:
        wrong.append("nothing was answered")
    grown, more = _memory(server) - memory, _series(server) - series
    if grown > MOST_MB:
        wrong.append(f"{grown} MB more")
    if more > len(seen) * 4 + 8:
        wrong.append(f"{more} lines of metrics more")
    if (status := httpx.get(f"{server.url}/ready", timeout=30).json()["status"]) != "ok":
        wrong.append(f"afterwards {status}")
    half = delays[len(delays) // 2]
    return Report(name, expected, seen, 1e3 * delays[-1], 1e3 * half, grown, more, tuple(wrong))


def _delays(url: str, seconds: float) -> list[float]:
    """How long cheap requests take, one after the other."""
    connection, delays, end = connection_to(url), [], time.perf_counter() + seconds
    for sent in cycle(CHEAP):
        if time.perf_counter() > end:
            break
        started = time.perf_counter()
        status = send(connection, sent)
        delays.append(time.perf_counter() - started)
        if status != 200:
            raise OSError(f"status {status}")
        time.sleep(0.005)
    connection.close()
    return delays


def _status(connection: socket.socket) -> int:
    connection.settimeout(30)
    with contextlib.suppress(OSError):
        found = re.match(rb"HTTP/1.1 (\d+)", connection.recv(65_536))
        if found:
            return int(found[1])
    return CUT_OFF


def _memory(server: Server) -> int:
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    return int(line) // 1024


def _series(server: Server) -> int:
    return len([line for line in httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines() if line[:1] != "#"])
