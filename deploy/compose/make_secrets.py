"""Makes the secrets that compose.yml mounts, each once: what is there already is left as it is.

`make secrets` calls it. The folder is for its owner alone; the files in it can be read by anybody who gets at them,
because the users of the containers, to which they are mounted one by one, are others.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

Read = Callable[[str], str]


def _database(name: str, driver: str) -> Callable[[Read], str]:
    return lambda read: f"postgresql+{driver}://{name}:{read(f'{name}_password')}@postgres:5432/{name}"


def _random(_: Read) -> str:
    return token_urlsafe(32)


# In this order: later ones are made of earlier ones.
SECRETS: dict[str, Callable[[Read], str]] = {
    "postgres_password": _random,
    "finq_password": _random,
    "airflow_password": _random,
    "watch_password": _random,
    "redis_password": _random,
    "grafana_password": _random,
    "token_secret": _random,
    "airflow_jwt": _random,
    # Opens nothing until `finq auth key prometheus` has put a real one in its place.
    "metrics_key": _random,
    "access_url": _database("finq", "psycopg"),
    "store_url": _database("finq", "psycopg"),
    "airflow_url": _database("airflow", "psycopg2"),
    "redis_url": lambda read: f"redis://finq:{read('redis_password')}@redis:6379/0",
    # The service uses all of its database and administers nothing; the others ask whether the server lives, and how.
    "redis_users": lambda read: (
        "user default reset\n"
        f"user finq on >{read('redis_password')} ~* &* +@all -@admin -@dangerous +info\n"
        "user health on nopass -@all +ping\n"
        "user watch on nopass -@all +ping +info"
    ),
    # Tell nobody until those of yours are put in their place, see conf/stack/alarms.yml: an address that nobody has, no
    # key at all, and a password that opens nothing.
    "channel_chat": lambda _: "http://127.0.0.1:9/put-the-webhook-here",
    "channel_pager": lambda _: "",
    "channel_mail": _random,
    "airflow_users": lambda _: json.dumps({"admin": token_urlsafe(24)}),
}


def make(folder: Path) -> list[str]:
    """Make what is missing; returns the names of what was made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = []
    for name, new in SECRETS.items():
        file = folder / name
        if not file.exists():
            partial = folder / f".{name}.{os.getpid()}"
            text = new(lambda other: (folder / other).read_text(encoding="utf-8").strip())
            # Alertmanager before 0.27 takes the end of a line for a part of a password.
            partial.write_text(text if name.startswith("channel_") else f"{text}\n", encoding="utf-8")
            partial.chmod(0o444)
            partial.rename(file)
            made.append(name)
    return made


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "secrets")
    sys.stdout.write(f"{len(make(where))} secrets were made in {where}.\n")
