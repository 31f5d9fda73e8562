"""Five disasters with real causes: each is told once, to whom it concerns, with its page, not again before its time.

Run it by ``make disasters``, or ``python tests/stack/disasters.py``. The stack is the whole one; only how long a thing
has to last before it rings, how often is looked and how soon is told again are seconds, not minutes and hours.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import pandas as pd
import yaml

from finq_predictor.adapters.alarms.deploy_files import ALERTMANAGER, PROMETHEUS, RULES, write_deploy_files
from finq_predictor.adapters.alarms.settings import read_settings
from finq_predictor.domain.alarms.rule import Audience
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.market.markets import MARKETS
from stack.engine import PROJECT, StackError
from stack.hops import Way, accounts, ready, require, schedule, until
from stack.machine import require as require_programs
from stack.play import COLLECTOR, COMPOSE, tool
from stack.world import World, world

HOLD_S, LOOK_S, WAIT_S, COOL_S = 3, 2, 10, 40
"""Seconds, minutes and hours in the files: a condition holds, is looked at, what changes waits, it is told again."""
QUICK = ("scheduler-down", "disk-full", "old-model", "feature-drift", "dead-provider")
HEARTBEAT_S = 25.0
"""So long the scheduler may give no sign of life, which it does every 15 seconds; in the files three minutes."""
GATHER_S = 2
# What a busy machine may add to that.
SLACK_S = 20.0
WATCH_S = 15.0
# A model is too old after so many bars, of which its labels take some at once; calls are counted so far back.
OLDEST_BARS, NEW_BARS, CALLS_HOURS = 40, 360, 0.02
# What the providers hold back until then is no stale data.
FRESH_HOURS = 2000
DISK_MB = 700


@dataclass
class Told:
    """What a disaster was told by.

    Attributes:
        disaster: What happened.
        rule: Which rule rang.
        seconds: From the cause to the message in the chat.
        longest: Within how many it had to be.
        messages: How often each channel was told that it rings.
        wrong: What does not hold.
    """

    disaster: str
    rule: str
    seconds: float = 0.0
    longest: float = 0.0
    messages: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """It as a line of the table."""
        counted = ", ".join(f"{channel} {count}" for channel, count in self.messages.items())
        rule = ALARM_RULES[self.rule]
        said = "; ".join(self.wrong) or f"docs/runbooks/{rule.runbook}.md"
        mark = "NOT" if self.wrong else "ok "
        return (
            f"{mark}  {self.disaster:<18} {self.rule:<15} {self.seconds:5.1f} s of {self.longest:3.0f}   "
            f"{rule.audience.value:<8} {counted:<28} {said}"
        )


class Audiences:
    """What the channels were told of a rule, and of others.

    Args:
        around: The stack, and who is told.
    """

    def __init__(self, around: World) -> None:
        self.around = around

    def rings(self, title: str) -> dict[str, list[float]]:
        """When each channel was told that it rings."""
        mark = f"firing: {title}"
        return {
            "chat": [at for _, _, body, at in self.around.chat.got if body["attachments"][0]["title"] == mark],
            "mail": [at for _, _, text, at in self.around.mail.mails if f"Subject: {mark}" in text],
            "pager": [
                at
                for _, _, body, at in self.around.pager.got
                if body["event_action"] == "trigger" and body["payload"]["summary"].startswith(f"{title}:")
            ],
        }

    def titles(self) -> list[str]:
        """What rang, as the chat was told it."""
        return [body["attachments"][0]["title"] for body in self.around.chat.bodies]

    def over(self, title: str) -> bool:
        """Whether the chat was told that it is over."""
        return f"resolved: {title}" in self.titles()


def befall(
    people: Audiences, disaster: str, rule: str, cause: Callable[[], None], longest: float, watch: float = WATCH_S
) -> Told:
    """Let something happen, and count who is told what.

    Args:
        people: Who is told.
        disaster: What happens.
        rule: The rule that has to ring, and no other.
        cause: Does it.
        longest: Seconds after which it is too late.
        watch: So long nobody may be told again.
    """
    told, one, before = Told(disaster, rule, longest=longest), ALARM_RULES[rule], len(people.around.chat.bodies)
    try:
        cause()
        began = time.monotonic()
        until(lambda: people.rings(one.title)["chat"], longest + 60.0, f"{rule} in the chat")
    except StackError as error:
        told.wrong.append(f"{error}; told meanwhile: {', '.join(people.titles()[before:]) or 'nothing'}")
        return told
    wanted = {"chat", "mail", "pager"} if one.audience is Audience.ON_CALL else {"chat", "mail"}
    until(lambda: all(people.rings(one.title)[name] for name in wanted), 15.0, f"{rule} in {wanted}")
    told.seconds = people.rings(one.title)["chat"][0] - began
    if told.seconds > longest:
        told.wrong.append(f"after {told.seconds:.1f} s, {longest:g} s at most")
    time.sleep(watch)
    told.messages = {name: len(times) for name, times in people.rings(one.title).items()}
    expected = {name: int(name in wanted) for name in told.messages}
    if told.messages != expected:
        told.wrong.append(f"told {told.messages}, expected {expected}")
    body = next(it for it in people.around.chat.bodies if it["attachments"][0]["title"] == f"firing: {one.title}")
    page = f"Runbook: docs/runbooks/{one.runbook}.md"
    mails = [text for _, _, text, _ in people.around.mail.mails if f"Subject: firing: {one.title}" in text]
    if page not in body["attachments"][0]["text"] or not all(page in text for text in mails):
        told.wrong.append(f"no {page}")
    # What was not mended is told again when its time has come.
    known = {f"firing: {one.title}", *people.titles()[:before]}
    if others := {title for title in people.titles()[before:] if title.startswith("firing")} - known:
        told.wrong.append(f"also {', '.join(sorted(others))}")
    return told


@contextmanager
def quick_files(folder: Path, **more: object) -> Iterator[dict[str, Path]]:
    """The files of Prometheus and Alertmanager, with seconds in place of minutes and hours; nothing else is other.

    Rules of which no cause is at hand here keep their own times.

    Args:
        folder: Where they are put.
        more: Settings of alarms that are other ones, by their names.
    """
    settings = read_settings(PROJECT / "conf", "stack").model_copy(update=more)
    limits = {**settings.limits, "scheduler-down": HEARTBEAT_S}
    write_deploy_files(folder, settings.model_copy(update={"limits": limits}))
    with _changed(folder / PROMETHEUS) as told:
        told["global"] = {
            "scrape_interval": f"{LOOK_S}s",
            "scrape_timeout": f"{LOOK_S}s",
            "evaluation_interval": f"{LOOK_S}s",
        }
    with _changed(folder / RULES) as told:
        for rule in told["groups"][0]["rules"]:
            if rule["alert"] in QUICK:
                rule["for"] = f"{HOLD_S}s"
    with _changed(folder / ALERTMANAGER) as told:
        told["route"]["group_interval"] = f"{WAIT_S}s"
        for route in told["route"]["routes"]:
            route["repeat_interval"] = f"{COOL_S}s"
    yield {"prometheus": folder / "prometheus", "alertmanager": folder / "alertmanager"}


@contextmanager
def _changed(file: Path) -> Iterator[dict]:
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    yield told
    file.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Let a folder be a disk of its own, where this process may mount; says whether it is."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


class Disasters:
    """What befalls a stack that is well.

    Args:
        around: The stack, and what lies around it.
    """

    def __init__(self, around: World) -> None:
        self.around, self.stack, self.people = around, around.stack, Audiences(around)
        self.usual = HOLD_S + 3 * LOOK_S + WAIT_S + SLACK_S
        self.gathered = self.usual + GATHER_S

    def scheduler_killed(self) -> Told:
        """Its process is killed, without a word before; told again when its cool-down is over, and not before."""
        process = self.stack.parts["scheduler"].process
        assert process is not None
        told = befall(
            self.people, "killed scheduler", "scheduler-down",
            lambda: os.kill(process.pid, signal.SIGKILL), HEARTBEAT_S + self.gathered, watch=COOL_S * 0.6,
        )  # fmt: skip
        process.wait(30)
        if not told.wrong:
            title = ALARM_RULES["scheduler-down"].title
            first = self.people.rings(title)["chat"][0]
            until(lambda: len(self.people.rings(title)["chat"]) > 1, COOL_S + SLACK_S, "the same after its cool-down")
            again = self.people.rings(title)["chat"][1] - first
            if again < COOL_S:
                told.wrong.append(f"told again after {again:.1f} s, cool-down {COOL_S} s")
        said = self.stack.exec("scheduler", "finq", "schedule", "--health", code=1)
        self.stack.start("scheduler")
        self.stack.wait_well("scheduler")
        self._over("scheduler-down", told, said)
        return told

    def disk_full(self) -> Told:
        """Something fills the disk of the data."""
        ballast = self.stack.volume("data") / "ballast"
        usage = os.statvfs(self.stack.volume("data"))
        size = int(usage.f_frsize * (usage.f_bavail - usage.f_blocks * 0.05))
        told = befall(
            self.people, "full disk", "disk-full", lambda: ballast.write_bytes(b"\0" * size), self.gathered
        )  # fmt: skip
        ballast.unlink()
        self._over("disk-full", told)
        return told

    def model_old(self) -> Told:
        """Bars come, and nobody trains."""

        def bars_come() -> None:
            self.around.providers.at(self.around.now)
            # The last hours are left for the provider that dies.
            self._run("ingestion.fx", until=self.around.now - pd.Timedelta(hours=3))

        told = befall(self.people, "old model", "old-model", bars_come, self.usual)
        return told

    def feature_drifts(self) -> Told:
        """A provider delivers other volumes than it did: eight times those of before, for three weeks."""

        def volumes_rise() -> None:
            for name, listing in self.around.providers.yahoo.listings.items():
                if name in self.around.providers.params["stocks"]:
                    listing.bars["volume"] = listing.bars["volume"].astype("int64")
                    listing.bars.loc[listing.bars.index[-15:], "volume"] *= 8
            self._run("ingestion.equity,sentiment.equity,features.equity")
            self._run("monitoring.equity")

        return befall(self.people, "drifted feature", "feature-drift", volumes_rise, self.gathered)

    def provider_dies(self) -> Told:
        """The server of a provider stops listening."""

        def dies() -> None:
            self.around.providers.yahoo.__exit__(None, None, None)
            time.sleep(CALLS_HOURS * 3600.0)
            self._run("ingestion.fx", code=None)
            self._run("monitoring.fx")

        return befall(self.people, "dead provider", "dead-provider", dies, self.gathered)

    def _run(self, stages: str, code: int | None = 0, until: pd.Timestamp | None = None) -> None:
        """Run stages as `docker compose exec scheduler` does, up to a time or to now."""
        told = self.stack.environment(self.stack.parts["scheduler"])["FINQ_KEDRO_PARAMS"].split(",")
        params = [one for one in told if not one.startswith("until=")]
        if until is not None:
            params.append(f"until={until.isoformat()}")
        words = ["kedro", "run", "--env", "live", "--namespaces", stages, "--params", ",".join(params)]
        self.stack.exec("scheduler", *words, code=code)

    def _over(self, rule: str, told: Told, said: str = "") -> None:
        """Wait until the chat was told that it is over."""
        try:
            until(lambda: self.people.over(ALARM_RULES[rule].title), 60.0, f"the end of {rule}")
        except StackError as error:
            told.wrong.append(f"{error} {said}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Let all of them happen; 1 where one was not told as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="let root install what is missing")
    given = parser.parse_args(arguments)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    require_programs(given.install)
    began, table = time.monotonic(), []
    told = {"calls_hours": CALLS_HOURS, "freshness_limit_hours": FRESH_HOURS}
    more = {f"{market}.monitoring.{key}": str(value) for market in MARKETS for key, value in told.items()}
    # Made-up quotes of some weeks drift by chance; it is shares whose volumes shall.
    more |= {f"fx.monitoring.drift.thresholds.{test}": "1e9" for test in ("ks", "psi", "js", "level")}
    settings = {"api": {"FINQ_MAX_MODEL_AGE_BARS": str(OLDEST_BARS)}}
    wrong: list[str] = []
    todo: list[Callable[[], Told]] = []
    with (
        tempfile.TemporaryDirectory(prefix="finq-files-") as files,
        quick_files(Path(files)) as instead,
        world(
            tool(COMPOSE), tool(COLLECTOR), more, settings, instead=instead, behind=NEW_BARS, disk=small_disk
        ) as around,
    ):
        try:
            gather_often(around)
            around.stack.up()
            way = Way(around)
            accounts(way)
            print(f"{schedule(way)}\n{ready(way)}", flush=True)
            befalls = Disasters(around)
            quiet(befalls.people)
            todo = [befalls.scheduler_killed, befalls.disk_full, befalls.model_old, befalls.feature_drifts]
            todo.append(befalls.provider_dies)
            if not around.own_disk:
                todo.remove(befalls.disk_full)
                print("full disk: left out, this process may not mount a small one")
            for disaster in todo:
                table.append(disaster())
                print(table[-1].line(), flush=True)
        finally:
            wrong = around.stack.down()
    well = sum(not one.wrong for one in table)
    print(f"{well} of {len(todo)} told as they should be, in {time.monotonic() - began:.0f} s.")
    for line in wrong:
        print(f"not ended well: {line}")
    return 1 if wrong or not well == len(table) == len(todo) else 0


def gather_often(around: World) -> None:
    """Let figures be gathered every other second."""
    said = around.stack.parts["figures"].said["command"]
    said[said.index("--every") + 1] = str(GATHER_S)


def quiet(people: Audiences) -> None:
    """Nothing may ring before anything happened; what rang while all began has to be over."""
    manager, end = people.around.stack.url("alertmanager"), time.monotonic() + 60.0

    def ringing() -> list[str]:
        return sorted({str(one["labels"]) for one in httpx.get(f"{manager}/api/v2/alerts", timeout=10).json()})

    until(lambda: not ringing() or time.monotonic() > end, 90.0, "silence before anything happened")
    time.sleep(WAIT_S + HOLD_S)
    require(not ringing(), f"although all is well this rings: {ringing()[:5]}")
    people.around.chat.got.clear()
    people.around.pager.got.clear()
    people.around.mail.mails.clear()


if __name__ == "__main__":
    sys.exit(main())
