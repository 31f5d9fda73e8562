"""Challengers: models that are tried beside a champion, and the one file that says how.

Below the folder of a market's models lie `experiment.json`, which says what is tried, `challengers/<name>` with the
bundle of each, and `experiment.key`, the secret by which callers are divided. The file is written last and removed
first, so that whoever reads it finds what it names.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.atomic_file import flush, own_name, write_atomically, write_text_atomically
from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import ConfigurationError, StoreError, UnknownNameError
from finq_predictor.domain.evaluation.sticky_arms import RollOut
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.origin import ModelStatus, RegisteredVersion

MOST = 4
"""Challengers of a market at a time; each is asked whenever the champion is."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_BYTES = 32
_LOCK_S = 60.0


class Mode(StrEnum):
    """What a challenger does."""

    SHADOW = "shadow"
    AB = "ab"


@dataclass(frozen=True)
class Step:
    """From when on a challenger answers which share of the callers.

    Attributes:
        since: ISO 8601 with zone.
        share: In [0, 1].
    """

    since: str
    share: float


@dataclass(frozen=True)
class Challenger:
    """A model that is tried.

    Attributes:
        name: Of its folder.
        experiment: Callers are divided anew under another name.
        model: Name of the model.
        version: Its version, by which what it said is found.
        mode: What it does.
        steps: Of the roll-out; nothing counts of them in the shadow.
        model_hash: Equal for equal models: by it the gate knows a candidate again that was tried.
    """

    name: str
    experiment: str
    model: str
    version: str
    mode: Mode
    steps: tuple[Step, ...] = ()
    model_hash: str = ""

    @property
    def roll_out(self) -> RollOut:
        """Which share of the callers it answers, from when on.

        Raises:
            ConfigurationError: If a time cannot be read or has no zone, or the steps do not ascend.
        """
        return RollOut(self.experiment, tuple((_moment(step.since), step.share) for step in self.steps))


@dataclass(frozen=True)
class Experiment:
    """All that is tried in a market.

    Attributes:
        challengers: One answers callers at most, the others are shadows.
        former: What is not tried any more, the last one last: what it said stays evidence.
    """

    challengers: tuple[Challenger, ...] = ()
    former: tuple[Challenger, ...] = ()

    def named(self, name: str) -> Challenger:
        """A challenger.

        Raises:
            UnknownNameError: If there is none of this name; suggests near misses.
        """
        for one in self.challengers:
            if one.name == name:
                return one
        raise UnknownNameError("challenger", name, [one.name for one in self.challengers])

    def require_sound(self) -> None:
        """Make sure that it can be served.

        Raises:
            ConfigurationError: If too many are tried, two answer callers, a name is no name or a roll-out is wrong.
        """
        if len(self.challengers) > MOST:
            raise ConfigurationError(
                f"{len(self.challengers)} challengers are tried; at most {MOST} at a time. Remove one first: "
                "finq challenger remove."
            )
        answering = [one.name for one in self.challengers if one.mode is Mode.AB]
        if len(answering) > 1:
            raise ConfigurationError(
                f"{' and '.join(answering)} would both answer callers; one does at a time, the others are shadows."
            )
        if len({one.name for one in self.challengers}) < len(self.challengers):
            raise ConfigurationError("Two challengers have the same name; expected one of each.")
        for one in self.challengers:
            _require_name(one.name)
            _require_steps(one)


def read_experiment(root: Path, market: str) -> Experiment:
    """What is tried in a market; nothing where nobody has said so.

    Raises:
        StoreError: If the file cannot be read.
        ConfigurationError: If it asks for what cannot be served.
    """
    file = Layout(root).experiment(market)
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return Experiment()
    advice = "Write it anew: finq challenger remove, then finq challenger add."
    experiment = from_json(Experiment, text, file, advice)
    experiment.require_sound()
    return experiment


def read_key(root: Path, market: str) -> bytes:
    """The secret by which callers are divided.

    Raises:
        StoreError: If there is none, or it is too short.
    """
    file = Layout(root).experiment_key(market)
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        key = b""
    if len(key) < _KEY_BYTES:
        raise StoreError(
            f"{file} holds no key of {_KEY_BYTES} bytes, without which no caller has a place. Restore it from a backup "
            "made --with-secrets, so that everybody keeps theirs, or remove it and add the challenger again."
        )
    return key


def add_challenger(
    root: Path,
    market: str,
    bundle: ModelBundle,
    *,
    name: str | None = None,
    experiment: str | None = None,
    mode: Mode = Mode.SHADOW,
    steps: tuple[Step, ...] = (),
) -> Challenger:
    """Let a model be tried beside the champion of a market; services that run take notice of it by themselves.

    Args:
        root: Folder of the data.
        market: Name of the market.
        bundle: The model; one that is in no registry gets a version from its content.
        name: Of the challenger; None takes model and version.
        experiment: Name of the experiment; None takes that of the challenger.
        mode: What it does.
        steps: Of the roll-out.

    Raises:
        StoreError: If the model is of another market, answers another question or nothing, or is the champion.
        ConfigurationError: If name, mode or steps are wrong.
    """
    layout = Layout(root)
    bundle = _identified(bundle)
    _require_fit(root, market, bundle)
    chosen = name or f"{bundle.name}-{bundle.version}"
    entry = Challenger(chosen, experiment or chosen, bundle.name, bundle.version, mode, steps, model_hash(bundle))
    folder = layout.challengers(market) / chosen
    with _held(root, market):
        before = read_experiment(root, market)
        _require_new(before, entry)
        after = Experiment((*before.challengers, entry), _without(before.former, entry))
        after.require_sound()
        _make_key(layout.experiment_key(market))
        _put(bundle, folder)
        write_text_atomically(layout.experiment(market), to_json(after))
    return entry


def change_challenger(root: Path, market: str, name: str, mode: Mode, steps: tuple[Step, ...]) -> Challenger:
    """Say anew what a challenger does.

    Args:
        root: Folder of the data.
        market: Name of the market.
        name: Of the challenger.
        mode: What it does from now on.
        steps: Further steps of the roll-out; those before the first of them stay.

    Raises:
        UnknownNameError: If there is none of this name.
        ConfigurationError: If it cannot be so.
    """
    with _held(root, market):
        before = read_experiment(root, market)
        former = before.named(name)
        first = min((_moment(step.since) for step in steps), default=None)
        kept = [step for step in former.steps if first is None or _moment(step.since) < first]
        changed = replace(former, mode=mode, steps=(*kept, *steps))
        now = tuple(changed if one.name == name else one for one in before.challengers)
        after = replace(before, challengers=now)
        after.require_sound()
        write_text_atomically(Layout(root).experiment(market), to_json(after))
    return changed


def remove_challenger(root: Path, market: str, name: str) -> None:
    """Try a challenger no longer; what it said stays in the store, and evidence.

    Raises:
        UnknownNameError: If there is none of this name.
    """
    layout = Layout(root)
    with _held(root, market):
        before = read_experiment(root, market)
        removed = before.named(name)
        after = Experiment(
            tuple(one for one in before.challengers if one.name != name),
            (*_without(before.former, removed), removed),
        )
        write_text_atomically(layout.experiment(market), to_json(after))
        shutil.rmtree(layout.challengers(market) / name, ignore_errors=True)


def _without(entries: tuple[Challenger, ...], entry: Challenger) -> tuple[Challenger, ...]:
    """All of them but those of the same model and version."""
    return tuple(one for one in entries if (one.model, one.version) != (entry.model, entry.version))


def step_of(text: str) -> Step:
    """Read a step as people write it: ``2026-01-31T00:00Z=0.1``; a time without a zone is UTC.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    since, _, share = text.rpartition("=")
    try:
        moment = pd.Timestamp(datetime.fromisoformat(since))
        number = float(share)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no step; expected TIME=SHARE, such as 2026-01-31T00:00Z=0.1.") from None
    return Step((moment.tz_localize("UTC") if moment.tzinfo is None else moment).isoformat(), number)


def _identified(bundle: ModelBundle) -> ModelBundle:
    """A model with a version: what it says is told apart by it from what the champion says."""
    if bundle.origin.registered is not None:
        return bundle
    content = sha256(f"{bundle.name}|{bundle.model.state()}|{bundle.calibrator.state()}".encode()).hexdigest()
    version = RegisteredVersion(
        version=f"c{content[:10]}", status=ModelStatus.PROVISIONAL, run_id="", registered_model=""
    )
    return bundle.registered_as(version)


def _require_fit(root: Path, market: str, bundle: ModelBundle) -> None:
    bundle.feature_set.verify()
    if bundle.market != market:
        raise StoreError(f"The model {bundle.name} is of the market {bundle.market}; expected one of {market}.")
    if bundle.is_flat:
        raise StoreError(f"The model {bundle.name} gives every row the same probability; there is nothing to try.")
    snapshot = SnapshotStore(root, market).newest()
    if not snapshot.has("champion"):
        raise StoreError(f"There is no champion of {market} below {root} to try {bundle.name} against; run `make run`.")
    champion = load_bundle(snapshot.path("champion"))
    if champion.horizon != bundle.horizon:
        raise StoreError(
            f"The model {bundle.name} looks {bundle.horizon} bars ahead, the champion {champion.horizon}; expected the "
            "same, or they answer different questions."
        )
    if (champion.name, champion.version) == (bundle.name, bundle.version):
        raise StoreError(f"{bundle.name} version {bundle.version} is the champion; expected another one to try.")


def _require_new(before: Experiment, entry: Challenger) -> None:
    for one in before.challengers:
        if one.name == entry.name:
            raise ConfigurationError(
                f"There is a challenger {entry.name!r} already; give another --name, or remove that one first."
            )
        if (one.model, one.version) == (entry.model, entry.version):
            raise ConfigurationError(
                f"{entry.model} version {entry.version} is tried already, as {one.name!r}; once is enough."
            )


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name[:80]!r} is no name of a challenger; expected 1 to 64 letters, digits, '.', '_' or '-', the first "
            "one a letter or digit."
        )


def _require_steps(one: Challenger) -> None:
    shares = [share for _, share in one.roll_out.steps]
    if one.mode is Mode.AB and not shares:
        raise ConfigurationError(
            f"{one.name} shall answer callers, but no step says how many; give one, such as 2026-01-31T00:00Z=0.1."
        )


def _moment(text: str) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(datetime.fromisoformat(text))
    except ValueError:
        raise ConfigurationError(f"{text!r} is no time; expected ISO 8601 with a zone.") from None
    if moment.tzinfo is None:
        raise ConfigurationError(f"The time {text!r} has no zone; expected one, such as {text}Z.")
    return moment.tz_convert("UTC")


def _make_key(file: Path) -> None:
    """A new one would move every caller, so there is one for ever."""
    if file.exists():
        return

    def write(temporary: Path) -> None:
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(_KEY_BYTES), encoding="ascii")

    write_atomically(file, write)


def _put(bundle: ModelBundle, folder: Path) -> None:
    """Write a bundle beside its place, read it again, and only then give it its name."""
    work = folder.with_name(f".{folder.name}.{own_name()}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    try:
        save_bundle(bundle, work)
        load_bundle(work)
        # No entry names it: what lies there was left by an addition that was cut short.
        shutil.rmtree(folder, ignore_errors=True)
        for file in (*work.iterdir(), work):
            flush(file)
        work.rename(folder)
        flush(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _held(root: Path, market: str) -> Iterator[None]:
    """One at a time changes what is tried."""
    from filelock import FileLock

    file = Layout(root).experiment(market)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock", timeout=_LOCK_S):
        yield
