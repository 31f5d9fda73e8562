"""A client that sends an attack again and again until its standard input ends; then it says what it was answered.

A process of its own, and one that gives way: attackers come from other machines, and take no time of those who wait.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from collections import Counter
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attack.attacks import ATTACKS, Sent

ATTACKERS = 4
CUT_OFF = 0
"""Counted where there was no answer, but an end of the connection."""


def connection_to(url: str) -> http.client.HTTPConnection:
    """A connection to a server."""
    host, port = url.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=60)


def send(connection: http.client.HTTPConnection, sent: Sent) -> int:
    """Send a request and read its answer; its status."""
    method, path, body, headers = sent
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def attack(url: str, requests: list[Sent], stop: threading.Event, statuses: Counter[int]) -> None:
    """Send requests round and round."""
    connection = connection_to(url)
    for sent in cycle(requests):
        if stop.is_set():
            break
        try:
            statuses[send(connection, sent)] += 1
        except (OSError, http.client.HTTPException):
            statuses[CUT_OFF] += 1
            connection.close()
            connection = connection_to(url)
    connection.close()


def main() -> None:
    """Attack a URL."""
    url, name = sys.argv[1:]
    os.nice(15)
    requests, stop, statuses = ATTACKS[name](), threading.Event(), Counter()
    threads = [
        threading.Thread(target=attack, args=(url, requests, stop, statuses), daemon=True) for _ in range(ATTACKERS)
    ]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    main()
