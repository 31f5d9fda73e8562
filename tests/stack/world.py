"""What lies around the stack: providers that it asks and people whom it tells, all of them on this machine."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import yaml

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.adapters.scheduling.ledger import Ledger
from live_market import Providers, providers
from receivers import Mailbox, Receiver, mailbox, receiving
from serving.collector import Collector, collecting
from stack.engine import Stack
from stack.machine import needed

ENV = "live"
BELOW = "live"
"""As compose has it where nobody says otherwise."""
STOCKS, SESSIONS, HOURS = 21, 400, 3600
# A training of minutes in seconds, and providers of a test, which nobody can harm.
QUICK = {
    "reach": "600D",
    "limits.requests_per_minute": "100000",
    "limits.first_wait_seconds": "0.01",
    "limits.longest_wait_seconds": "0.02",
    **{f"{market}.training.search.trials": "1" for market in ("equity", "fx")},
    **{f"{market}.evaluation.n_bootstrap": "100" for market in ("equity", "fx")},
}
ASLEEP = timedelta(days=5)


@dataclass
class World:
    """The stack and what lies around it.

    Attributes:
        stack: The stack.
        providers: Whom the pipelines ask.
        chat: Whoever gets messages for the chat.
        pager: Whoever gets events for the pager.
        mail: Whoever gets mails.
        lines: Whoever gets lines.
        now: Up to when the providers have something.
        own_disk: Whether the data lie on a disk of their own.
    """

    stack: Stack
    providers: Providers
    chat: Receiver
    pager: Receiver
    mail: Mailbox
    lines: Collector
    now: pd.Timestamp
    own_disk: bool = False

    @property
    def root(self) -> Path:
        """Folder of the data of the stack."""
        return self.stack.volume("data") / BELOW

    def trainings(self) -> list[str]:
        """Jobs that train a market."""
        return [name for name, job in read_schedule(self.stack.app, ENV).items() if job.retrains]

    def collections(self) -> list[str]:
        """Jobs that bring what trainings wait for."""
        schedule = read_schedule(self.stack.app, ENV)
        sought = {name for training in self.trainings() for name in schedule[training].waits_for}
        return [name for name, job in schedule.items() if sought & set(job.makes)]

    def chains(self) -> set[str]:
        """These, and the jobs that their success leads to: a validation decides who serves."""
        schedule = read_schedule(self.stack.app, ENV)
        return {name for training in self.trainings() for name in schedule.following(training)}

    def jobs(self, ending: str) -> list[str]:
        """Jobs whose names end so."""
        return [name for name in read_schedule(self.stack.app, ENV) if name.endswith(ending)]


@contextmanager
def world(
    compose: str,
    collector: str | None,
    more: Mapping[str, str] | None = None,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    *,
    without: Sequence[str] = (),
    instead: Mapping[str, Path] | None = None,
    behind: int = 0,
    trains: bool = True,
    disk: Callable[[Path], AbstractContextManager[bool]] = nullcontext,  # type: ignore[assignment]  # it gives None: no disk of its own
) -> Iterator[World]:
    """Start what lies around the stack, and put the stack there without starting it.

    Args:
        compose: The program that reads compose's file.
        collector: The program that collects lines.
        more: Further parameters of the runs.
        settings: Further variables by part.
        without: Parts that are left out.
        instead: Folders that are mounted in place of those of compose, by part.
        behind: So many hours of quotes that the providers have are not told yet.
        trains: Whether the trainings are due.
        disk: Makes of the folder of the data a disk of its own; says whether it could.
    """
    with ExitStack() as started:
        folder = Path(
            started.enter_context(tempfile.TemporaryDirectory(prefix="finq-", dir="/tmp", ignore_cleanup_errors=True))
        )
        tls, certificate = _certificate(folder / "outside")
        password = "only-who-knows-it-may-send"
        chat, pager = started.enter_context(receiving()), started.enter_context(receiving((202, {}, b"{}")))
        mail = started.enter_context(mailbox(tls, password))
        lines = started.enter_context(collecting())
        now = pd.Timestamp.now("UTC").floor("h")
        asked = started.enter_context(providers(now, STOCKS, SESSIONS, HOURS))
        if behind:
            hours = next(iter(asked.oanda.candles.values()))["time"]
            asked.at(hours[hours <= now].iloc[-1 - behind])
        elsewhere = {
            "mail.example.org:587": f"{mail.host}:{mail.port}",
            "https://events.pagerduty.com": pager.url,
            "http://127.0.0.1:4318": lines.url,
        }
        (feed,) = asked.params["feeds"].values()
        params = {"yahoo_url": asked.yahoo.url, "feeds.wire": feed, **QUICK, **(more or {})}
        if behind:
            # Who asked up to now would not ask again for what was held back.
            params["until"] = asked.yahoo.now.isoformat()
        told = {
            "scheduler": {"FINQ_KEDRO_PARAMS": ",".join(f"{key}={value}" for key, value in params.items())},
            "alertmanager": {"SSL_CERT_FILE": str(certificate)},
            **(settings or {}),
        }
        stack = Stack(folder / "s", compose, collector, elsewhere, told, without, instead)
        own_disk = started.enter_context(disk(stack.volume("data")))
        for name, secret in {
            "chat": f"{chat.url}/services/T/B/x",
            "pager": "key-of-a-service",
            "mail": password,
        }.items():
            give_secret(stack, f"channel_{name}", secret)
        stack.hand_secrets(stack.parts["alertmanager"])
        found = World(stack, asked, chat, pager, mail, lines, now, own_disk is True)
        _spoil(asked)
        _make_small(stack.app / "conf" / ENV / "globals.yml", asked)
        if trains:
            # They wait for bars, which are collected every ten minutes.
            sleep(found, [*found.collections(), *found.trainings()])
        yield found


def give_secret(stack: Stack, name: str, text: str) -> None:
    """Put a secret in the place of the one that was made."""
    file = stack.secrets / name
    file.unlink()
    file.write_text(text, encoding="utf-8")
    file.chmod(0o444)


def sleep(world: World, jobs: list[str]) -> None:
    """Let the scheduler find what it finds after days in which it did not run: these jobs are due."""
    ledger = Ledger(Layout(world.root).schedule)
    for job in jobs:
        ledger.seen(job, datetime.now(UTC) - ASLEEP)
    ledger.close()


def _make_small(file: Path, asked: Providers) -> None:
    """Ask about the few instruments that the providers here have."""
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    said["live"] |= {"stocks": asked.params["stocks"], "pairs": asked.params["pairs"]}
    file.write_text(yaml.safe_dump(said), encoding="utf-8")


def _spoil(asked: Providers) -> None:
    """Let one bar of the history be none: its highest price is below its lowest."""
    bars = next(one.bars for name, one in asked.yahoo.listings.items() if name in asked.params["stocks"])
    bars.loc[bars.index[-60], "high"] = bars["low"].iloc[-60] * 0.9


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of this address, which nobody but those who are told knows."""
    folder.mkdir()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = [needed("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    subprocess.run(
        [*words, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate
