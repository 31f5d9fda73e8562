"""Clients that never stop asking, in a process of their own, and what they were answered.

Told by a line on standard input, it writes what was answered since the last one as a line of JSON, and asks no more if
that line says so; it ends with the input.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from itertools import cycle
from typing import Any

FED_EVERY = 5
"""Of so many predictions one is met by feedback."""
RECONNECT = 20
"""After so many questions a client opens another connection."""
STOCKS, PAIRS = ("AAPL", "MSFT", "NVDA"), ("EUR_USD", "USD_JPY", "AUD_USD")
BOTH = {"requests": [{"instrument": name} for name in (*STOCKS, *PAIRS)] * 5}
PAST = {"instruments": list(PAIRS), "prediction_dates": ["2024-01-12", "2024-01-15"]}
ASKED: tuple[tuple[str, str, str, object], ...] = (
    ("predict", "POST", "/predict", {"instrument": STOCKS[0]}),
    ("predict", "POST", "/predict", {"instrument": PAIRS[0]}),
    ("batch of both markets", "POST", "/batch_predict", BOTH),
    ("ranking", "GET", "/ranking?market=equity", None),
    ("predict for a user", "POST", "/v1/predict", {"instrument": STOCKS[1], "user_id": "desk-7"}),
    ("ranking", "GET", "/ranking?market=fx", None),
    ("batch of former bars", "POST", "/batch_predict", PAST),
    ("explain", "POST", "/explain", {"instrument": PAIRS[1]}),
    ("predict", "POST", "/predict", {"instrument": STOCKS[2]}),
    ("history", "GET", f"/history?instrument={STOCKS[0]}&limit=5", None),
    ("score card", "GET", "/score-card?market=fx", None),
)
NEWEST = frozenset({"predict", "predict for a user", "batch of both markets", "ranking"})
"""What is about the newest bar; its answers are compared with each other and with what the model says."""
ANNOUNCED = frozenset({"unavailable", "overloaded"})
"""Types of an answer 503 that says so and when to come again."""
END = "end"
CUT = 0
"""The status of a request whose connection ended before its answer."""
MOST_SENTENCES = 20


class Clients:
    """What several clients were answered.

    Args:
        url: Of the server.
        number: How many clients.
        pause: Seconds between an answer and the next question of a client.
        key: What they are let in by; empty where nobody is asked.
    """

    def __init__(self, url: str, number: int, pause: float, key: str = "") -> None:
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
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
        self._routes: Counter[str] = Counter()
        self._recorded: dict[str, float | None] = {}
        self._fed: list[str] = []

    def told(self) -> dict[str, Any]:
        """What was answered since the last time.

        Returns:
            Waits by question, statuses, those of each route, what was wrong, what was said, and which predictions and
            which feedback were acknowledged as recorded.
        """
        with self._lock:
            found = {"ms": self._ms, "statuses": self._statuses, "routes": self._routes, "wrong": self._wrong}
            found |= {"said": self._said, "recorded": self._recorded, "fed": self._fed}
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
        number = 0
        questions = cycle(ASKED[first % len(ASKED) :] + ASKED[: first % len(ASKED)])
        for asked, (kind, method, path, body) in enumerate(questions, start=1):
            if self._over.is_set():
                break
            if asked % RECONNECT == 0:
                # By chance it is another worker then.
                connection.close()
            answer = self._one(connection, kind, method, path, body, newest)
            time.sleep(self._pause)
            if answer is not None and answer.get("prediction_id"):
                number += 1
                if number % FED_EVERY == 0:
                    fed = {"prediction_id": answer["prediction_id"], "outcome": True}
                    self._one(connection, "feedback", "POST", "/feedback", fed, newest)
        connection.close()

    def _one(
        self,
        connection: http.client.HTTPConnection,
        kind: str,
        method: str,
        path: str,
        body: object,
        newest: dict[str, int],
    ) -> dict[str, Any] | None:
        """Ask one question; the answer, where it is one."""
        content = None if body is None else json.dumps(body)
        began = time.perf_counter()
        try:
            connection.request(method, path, content, self._headers)
            answer = connection.getresponse()
            text = answer.read()
            status, later = answer.status, answer.headers["Retry-After"]
        except (OSError, http.client.HTTPException) as error:
            status, text, later = CUT, repr(error).encode(), None
            connection.close()
        waited = 1e3 * (time.perf_counter() - began)
        said: dict[str, Any] | None = None
        with self._lock:
            self._ms.setdefault(kind, []).append(waited)
            self._statuses[status] += 1
            self._routes[f"{path.partition('?')[0].removeprefix('/v1')} {status}"] += 1
            if status == 200:
                said = json.loads(text)
                if kind in NEWEST:
                    self._hear(said, newest)
                self._note(kind, said)
            elif status == 503 and later is not None and json.loads(text)["error"]["type"] in ANNOUNCED:
                pass
            elif status != CUT:
                self._say(f"{path}: {status} {text[:200]!r}")
        return said

    def _note(self, kind: str, said: dict[str, Any]) -> None:
        """Note what was acknowledged as recorded."""
        if not said.get("recorded"):
            return
        if kind == "feedback":
            self._fed.append(said["feedback_id"])
            return
        for one in said.get("predictions", [said]):
            if one["prediction_id"] in self._recorded:
                self._say(f"two predictions have the id {one['prediction_id']}")
            self._recorded[one["prediction_id"]] = one["probability"]

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
    url, number, pause = sys.argv[1:4]
    # Not an argument: those are seen by everybody on the machine.
    clients = Clients(url, int(number), float(pause), os.environ.get("FINQ_SOAK_KEY", ""))
    print("begun", flush=True)
    for word in sys.stdin:
        if word.strip() == END:
            clients.end()
        print(json.dumps(clients.told()), flush=True)
    clients.end()


if __name__ == "__main__":
    main()
