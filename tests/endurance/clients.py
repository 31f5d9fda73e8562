"""Clients that never stop asking, in a process of their own, and what they were answered.

Told by a line on standard input, it writes what was answered since the last one as a line of JSON; it ends with the
input.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from itertools import cycle
from typing import Any

STOCKS, PAIRS = ("AAPL", "MSFT", "NVDA"), ("EUR_USD", "USD_JPY", "AUD_USD")
BOTH = {"requests": [{"instrument": name} for name in (*STOCKS, *PAIRS)] * 5}
ASKED: tuple[tuple[str, str, str, object], ...] = (
    ("predict", "POST", "/predict", {"instrument": STOCKS[0]}),
    ("predict", "POST", "/predict", {"instrument": PAIRS[0]}),
    ("batch of both markets", "POST", "/batch_predict", BOTH),
    ("ranking", "GET", "/ranking?market=equity", None),
    ("predict", "POST", "/predict", {"instrument": STOCKS[1]}),
    ("ranking", "GET", "/ranking?market=fx", None),
)
MOST_SENTENCES = 20


class Clients:
    """What several clients were answered.

    Args:
        url: Of the server.
        number: How many clients.
        pause: Seconds between an answer and the next question of a client.
    """

    def __init__(self, url: str, number: int, pause: float) -> None:
        self._url, self._pause, self._over, self._lock = url, pause, threading.Event(), threading.Lock()
        self._clear()
        self._threads = [threading.Thread(target=self._ask, args=(first,)) for first in range(number)]
        for thread in self._threads:
            thread.start()

    def _clear(self) -> None:
        self._ms: dict[str, list[float]] = {}
        self._statuses: Counter[int] = Counter()
        self._wrong: list[str] = []
        self._said: dict[str, dict[str, float | None]] = {}

    def told(self) -> dict[str, Any]:
        """What was answered since the last time: waits by question, statuses, what was wrong, and what was said."""
        with self._lock:
            found = {"ms": self._ms, "statuses": self._statuses, "wrong": self._wrong, "said": self._said}
            self._clear()
        return found

    def end(self) -> None:
        """Ask nothing more."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, first: int) -> None:
        host, port = self._url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        newest: dict[str, int] = {}
        for kind, method, path, body in cycle(ASKED[first % len(ASKED) :] + ASKED[: first % len(ASKED)]):
            if self._over.is_set():
                break
            content = None if body is None else json.dumps(body)
            began = time.perf_counter()
            try:
                connection.request(method, path, content, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as error:
                status, text = 0, repr(error).encode()
                connection.close()
            waited = 1e3 * (time.perf_counter() - began)
            with self._lock:
                self._ms.setdefault(kind, []).append(waited)
                self._statuses[status] += 1
                if status == 200:
                    self._hear(json.loads(text), newest)
                else:
                    self._say(f"{path}: {status} {text[:200]!r}")
            time.sleep(self._pause)
        connection.close()

    def _hear(self, answer: dict[str, Any], newest: dict[str, int]) -> None:
        answers = answer.get("predictions") or answer.get("ranking") or [answer]
        # A stock that left is answered from its own last bar.
        bars: dict[str, str] = {}
        for one in answers:
            bars[one["market"]] = max(bars.get(one["market"], ""), one["feature_ts"])
        states: dict[str, str] = {}
        for one in answers:
            market, version = one["market"], int(one["model"]["version"])
            state = f"{market} {one['snapshot']} {version} {bars[market]}"
            if states.setdefault(market, state) != state:
                self._say(f"one answer mixes {states[market]} and {state}")
            if version < newest.get(market, 0):
                self._say(f"{state} after version {newest[market]}")
            newest[market] = version
            if self._said.setdefault(state, {}).setdefault(one["instrument"], one["probability"]) != one["probability"]:
                self._say(f"{state} says two things of {one['instrument']}")

    def _say(self, sentence: str) -> None:
        if len(self._wrong) < MOST_SENTENCES:
            self._wrong.append(sentence)


def main() -> None:
    """Ask until standard input ends."""
    url, number, pause = sys.argv[1:]
    clients = Clients(url, int(number), float(pause))
    print("begun", flush=True)
    for _ in sys.stdin:
        print(json.dumps(clients.told()), flush=True)
    clients.end()


if __name__ == "__main__":
    main()
