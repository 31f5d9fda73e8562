"""Send a service with accounts everything that an intruder can think of; part of ``make attack``."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from attack.flood import CUT_OFF, connection_to, send
from attack.intruders import INTRUSIONS, MANY, Loot
from attack.siege import ARGUMENTS, COMMAND, SETTINGS
from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.signing_in import SigningIn
from finq_predictor.serving.access.store import folder_of
from finq_predictor.serving.access.token_keys import read_token_keys
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import Door, make_door
from serving.servers import Server, running

MOST_LINES = 150


def loot_of(door: Door) -> Loot:
    """What an intruder has got hold of."""
    access = Access(AuthMode.ON, door.root)
    access.refresh()
    signing_in, account = SigningIn(access, Settings(data_root=door.root)), access.snapshot.accounts["the-admin"]
    pair = signing_in.tokens_for(account)
    signing_in.renew(pair.refresh)
    key = read_token_keys(folder_of(door.root)).current
    session = signing_in.page_session(account)
    return Loot(key.signing, key.id, door.keys["the-viewer"], door.keys["fx-desk"], session, pair.refresh)


@contextmanager
def guarded(root: Path, folder: Path) -> Iterator[tuple[Server, Door]]:
    """A server of its own with accounts."""
    door = make_door(root)
    settings = {"FINQ_DATA_ROOT": str(root), "FINQ_AUTH": "on", **SETTINGS}
    with running(COMMAND, folder, arguments=ARGUMENTS, **settings) as server:
        yield server, door


def intrude(server: Server, door: Door, name: str) -> tuple[str, bool]:
    """Send one of the intrusions; a line of the report, and whether everything was refused as it should be."""
    requests, expected = INTRUSIONS[name]
    loot, before = loot_of(door), _lines(server, door)
    statuses: Counter[int] = Counter()
    connection = connection_to(server.url)
    for sent in requests(loot, MANY):
        try:
            statuses[send(connection, sent)] += 1
        except (OSError, http.client.HTTPException):
            statuses[CUT_OFF] += 1
            connection.close()
            connection = connection_to(server.url)
    connection.close()
    wrong = [f"answered {status}" for status in sorted(set(statuses) - {*expected, CUT_OFF})]
    if (more := _lines(server, door) - before) > MOST_LINES:
        wrong.append(f"{more} lines of metrics more")
    log = server.log.read_text()
    secrets = (loot.secret.decode(), loot.viewer, loot.desk, loot.session, loot.used, *door.keys.values())
    if any(secret in log for secret in secrets) or re.search(r"<script>|guess\b|Traceback", log):
        wrong.append("the log tells what it should not")
    seen = ", ".join(f"{status or 'closed'} x {count}" for status, count in sorted(statuses.items()))
    return f"{name:<38} {'/'.join(map(str, expected)):<20} {seen:<44} {'; '.join(wrong) or 'held'}", not wrong


def _lines(server: Server, door: Door) -> int:
    text = httpx.get(f"{server.url}/metrics", headers=door.bearer("the-viewer"), timeout=30).text
    return sum(line[:1] != "#" for line in text.splitlines())
