"""What a person does to the champion of a market: approve a candidate, refuse it, go back; and how the log is checked.

Everything is entered in the log of decisions before anything else changes. A process that is killed in between leaves
a record that the registry does not know of yet; whoever acts next carries it out first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import (
    ANCHOR,
    APPROVAL,
    PREVIOUS,
    ModelRegistry,
    status_of,
    was_in_use,
)
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.tracking import connect
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.domain.promotion.log import CHANGES, Act, Anchor, LogRecord, in_words, unmet

_IN_REPORT = re.compile(r"decision <code>([0-9a-f]{64})</code>")
MOST_RUNS = 1000


@dataclass(frozen=True)
class Verification:
    """What is known of a log.

    Attributes:
        records: How many records can be read.
        head: Hash of the last one; empty before the first.
        problems: What is wrong; none where it can be relied upon.
        notes: What a reader should know, and which is no problem.
        anchors: How many hashes that were noted elsewhere were compared.
        missing: Those of them that no record has.
    """

    records: int
    head: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    anchors: int
    missing: tuple[Anchor, ...]


def approve(registry: ModelRegistry, version: str, *, by: str, asked: Invocation, reason: str = "") -> LogRecord:
    """Put a candidate that waits into use, in the name of a person.

    Args:
        registry: Of the market.
        version: The version that waits.
        by: Who approves it.
        asked: Who typed the command, and which.
        reason: Why, in words of their own; may be empty.

    Raises:
        StoreError: If that version does not wait, its model could not answer, or the log is broken; nothing changes.
    """
    if (done := settle(registry)) is not None and done.act is Act.APPROVE and done.about == version:
        return done
    waiting = _waiting(registry, version)
    require_servable(registry, version, ModelStatus.PROMOTED)
    record = _by_a_person(registry, waiting, Act.APPROVE, by, asked, reason)
    record = replace(record, in_use=version, standing=ModelStatus.PROMOTED.value)
    entered = registry.log.append(record, now=registry.clock())
    _carry_out(registry, entered)
    return entered


def refuse(registry: ModelRegistry, version: str, *, by: str, asked: Invocation, reason: str) -> LogRecord:
    """Say no to a candidate that waits; that very model is not promoted later either.

    Raises:
        StoreError: If that version does not wait, nobody says why, or the log is broken; nothing changes.
    """
    settle(registry)
    waiting = _waiting(registry, version)
    if not reason.strip():
        raise StoreError("Whoever refuses a candidate says why; give --reason.")
    record = _by_a_person(registry, waiting, Act.REFUSE, by, asked, reason)
    entered = registry.log.append(record, now=registry.clock())
    client = connect(registry.tracking_uri)
    client.set_model_version_tag(registry.name, version, APPROVAL, f"refused by {by}")
    registry.note_anchor(entered)
    return entered


def roll_back(
    registry: ModelRegistry, to: str | None = None, *, reason: str, asked: Invocation | None = None
) -> LogRecord:
    """Put a model that was champion before into use again.

    Args:
        registry: Of the market.
        to: Its version; None is the champion before the one in use.
        reason: Why.
        asked: Who asked for it, and how.

    Raises:
        StoreError: If there is no such model, it is in use, was never in use, or could not answer, nobody says why, or
            the log is broken; nothing changes.
        UnknownNameError: If there is no such version; says which there are.
    """
    if not reason.strip():
        raise StoreError("Whoever rolls back says why; give --reason.")
    settle(registry)
    current = registry.champion()
    if current is None:
        raise StoreError(f"{registry.name!r} has no champion; there is nothing to roll back.")
    target = registry.version_of(to) if to is not None else registry.version_with(PREVIOUS)
    if target is None:
        raise StoreError(f"{registry.name!r} has no previous champion to go back to.")
    number, held = str(target.version), str(current.version)
    if number == held:
        raise StoreError(f"Version {number} of {registry.name} is in use already; name another one with --to.")
    if not was_in_use(target):
        raise StoreError(
            f"Version {number} of {registry.name} was never in use: its approval is {target.tags[APPROVAL]}. Only a "
            "model that was champion can come back."
        )
    require_servable(registry, number, status_of(target))
    asked = asked or Invocation()
    record = LogRecord(
        act=Act.ROLL_BACK,
        at="",
        market=registry.market,
        by=asked.user,
        run=asked.command,
        reason=reason.strip(),
        in_use=number,
        standing=status_of(target).value,
        candidate=registry.known_as(target),
        champion=registry.known_as(current),
        **_lineage(target.tags),
        run_id=str(target.run_id or ""),
    )
    entered = registry.log.append(record, now=registry.clock())
    _carry_out(registry, entered)
    return entered


def settle(registry: ModelRegistry) -> LogRecord | None:
    """Carry out what a killed process had entered and not finished.

    Returns:
        The record that was carried out; None where nothing was left.
    """
    last, champion = registry.whole_log().last, registry.champion()
    held = "" if champion is None else str(champion.version)
    if last is None or last.act not in CHANGES or last.in_use == held:
        return None
    if last.champion is not None and last.champion.version != held:
        raise StoreError(
            f"The log says that version {last.in_use} of {registry.name} is in use, but it is version "
            f"{held or 'none'}, and nobody entered that. Find out who moved it: finq verify-log {registry.market}"
        )
    if last.in_use not in (known := {str(one.version) for one in registry.versions()}):
        if not known:
            # Another store of models than the log is about: it begins afresh, and the log goes on.
            return None
        raise StoreError(
            f"The log says that version {last.in_use} of {registry.name} is in use, but the registry has no such "
            f"version: it is older than the log. Restore both from one backup, or look at: finq verify-log "
            f"{registry.market}"
        )
    _carry_out(registry, last)
    return last


def require_servable(registry: ModelRegistry, version: str, standing: ModelStatus) -> None:
    """Refuse a model that the service could not answer with.

    Raises:
        StoreError: If its files are damaged or gone, its features are defined differently by now, or a promoted model
            has nothing to say.
    """
    try:
        bundle = registry.load_version(version)
        bundle.feature_set.verify()
    except FinqError as error:
        raise StoreError(
            f"Version {version} of {registry.name} cannot be put into use, as the service would refuse it: {error}"
        ) from error
    if standing is ModelStatus.PROMOTED and bundle.is_flat:
        raise StoreError(f"Version {version} of {registry.name} gives every row the same probability.")


def verify(registry: ModelRegistry, root: Path, given: tuple[str, ...] = ()) -> Verification:
    """Check the log of a market: the chain, and every hash of it that was noted elsewhere.

    Args:
        registry: Of the market.
        root: Folder of the data.
        given: Further hashes, such as of a printed report.
    """
    found = registry.log.inspect()
    anchors = [*anchors_of(registry, root), *(Anchor(one, "given by you") for one in given)]
    missing = unmet(anchors, found.log, registry.log.text_aside())
    problems = [*filter(None, [found.problem]), *map(in_words, missing)]
    notes = ["A process was killed while it wrote a record; the next one replaces what is left of it."] * found.torn
    last, champion = found.log.last, registry.champion()
    held = "" if champion is None else str(champion.version)
    if last is None and held:
        notes.append(f"Version {held} is in use, and was so before the log began.")
    elif last is not None and last.in_use != held and not found.problem:
        problems.append(
            f"The log says that version {last.in_use or 'none'} is in use, and the registry says {held or 'none'}: a "
            "process was killed before it had carried its decision out, or somebody moved the alias."
        )
    return Verification(
        len(found.log.records), found.log.head, tuple(problems), tuple(notes), len(anchors), tuple(missing)
    )


def begin_anew(registry: ModelRegistry, root: Path, *, by: str, reason: str, asked: Invocation) -> LogRecord:
    """Deal with a broken log, in the name of a person: it is set aside as it is, and a new one begins that says so.

    Raises:
        StoreError: If nothing is broken, or nobody says who and why.
    """
    found = verify(registry, root)
    if not found.problems:
        raise StoreError(f"The log of {registry.market} is whole; there is nothing to deal with.")
    if not by.strip() or not reason.strip():
        raise StoreError("Whoever deals with a broken log says who and why; give --by and --reason.")
    champion = registry.champion()
    before = [missed for each in registry.log.inspect().log.records for missed in each.missed]
    record = LogRecord(
        act=Act.BEGIN_ANEW,
        at="",
        market=registry.market,
        by=asked.user,
        run=asked.command,
        reason=f"{reason.strip()} What was found: {' '.join(found.problems)}",
        in_use="" if champion is None else str(champion.version),
        standing="" if champion is None else status_of(champion).value,
        champion=None if champion is None else registry.bare(champion),
        approver=by.strip(),
        missed=tuple(dict.fromkeys([*(one.hash for one in found.missing), *before])),
    )
    return registry.log.begin_anew(record, now=registry.clock())


def anchors_of(registry: ModelRegistry, root: Path) -> Iterator[Anchor]:
    """Every hash of the log of a market that is noted outside of it."""
    yield from registry.log.own_anchor()
    client = connect(registry.tracking_uri)
    for one in registry.versions():
        if one.tags.get(ANCHOR):
            yield Anchor(one.tags[ANCHOR], f"version {one.version} of {registry.name}")
    experiment = client.get_experiment_by_name(registry.tracker.experiment)
    if experiment is not None:
        for run in client.search_runs([experiment.experiment_id], f"tags.{ANCHOR} != ''", max_results=MOST_RUNS):
            yield Anchor(run.data.tags[ANCHOR], f"run {run.info.run_name} ({run.info.run_id})")
    report = Layout(root).report(registry.market)
    if report.is_file():
        for told in _IN_REPORT.findall(report.read_text(encoding="utf-8", errors="replace")):
            yield Anchor(told, str(report))
    store = SnapshotStore(root, registry.market)
    seen: set[str] = set()
    for name in store.ids():
        snapshot = store.open(name)
        entry = snapshot.manifest.entries.get("promotion")
        if entry is None or entry.content in seen or not (root / entry.file).is_file():
            continue
        seen.add(entry.content)
        try:
            decision = from_json(Decision, (root / entry.file).read_bytes(), root / entry.file, "")
        except StoreError:
            # Of other code; that the snapshots are whole is checked elsewhere.
            continue
        if decision.log_head:
            yield Anchor(decision.log_head, f"the decision in snapshot {name}")


def _waiting(registry: ModelRegistry, version: str) -> LogRecord:
    waiting = registry.log.read().waiting()
    if waiting is None:
        raise StoreError(f"No candidate of {registry.market} waits for an approval.")
    if waiting.about != version:
        raise StoreError(
            f"Version {version} of {registry.name} does not wait for an approval; version {waiting.about} does, since "
            f"{waiting.at}."
        )
    return waiting


def _by_a_person(
    registry: ModelRegistry, waiting: LogRecord, act: Act, by: str, asked: Invocation, reason: str
) -> LogRecord:
    if not by.strip():
        raise StoreError("Whoever approves or refuses a candidate gives a name: --by.")
    champion = registry.champion()
    assert waiting.candidate is not None
    status = ModelStatus.PROMOTED.value if act is Act.APPROVE else ""
    return replace(
        waiting,
        act=act,
        by=asked.user,
        run=asked.command,
        reason=reason.strip() or waiting.reason,
        approver=by.strip(),
        candidate=replace(waiting.candidate, status=status),
        champion=None if champion is None else registry.known_as(champion),
        in_use="" if champion is None else str(champion.version),
        standing="" if champion is None else status_of(champion).value,
    )


def _carry_out(registry: ModelRegistry, record: LogRecord) -> None:
    client = connect(registry.tracking_uri)
    client.set_model_version_tag(registry.name, record.in_use, "status", record.standing)
    if record.act is Act.APPROVE:
        client.set_model_version_tag(registry.name, record.in_use, APPROVAL, f"approved by {record.approver}")
    registry.put_into_use(record.in_use)
    registry.note_anchor(record)
    registry.export()


def _lineage(tags: Any) -> dict[str, Any]:
    names = ("data_hash", "feature_set_hash", "code_hash", "git_commit")
    seed = str(tags.get("seed", ""))
    return {**{name: str(tags.get(name, "")) for name in names}, "seed": int(seed) if seed.isdigit() else None}
