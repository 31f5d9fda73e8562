"""A model that is new to the service is loaded and asked in a process of its own first.

What is loaded is checked number by number, but the libraries beneath are not ours: should one of them end its process
all the same, or take all memory or time, then it is that of the trial. The former model stays, and the reason is told.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

import finq_predictor
from finq_predictor.adapters.bundle_store import build_bundle, read_parts
from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.adapters.environment.reading import given, value_of
from finq_predictor.adapters.environment.variable import is_secret
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.modelling.bundle import PROBABILITY, SCORE, ModelBundle
from finq_predictor.serving.lean_imports import without_learning

logger = logging.getLogger(__name__)
MEMORY = 4 * 2**30
"""Bytes of address space of a trial at most; a champion of 150 trees takes a fifth of it."""
_PLACES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# One thread of each library, none of their devices, and nothing that the trial need not know.
_VARIABLES = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
TRIALS = "FINQ_TRIALS_FOLDER"
"""Names a folder in which the processes of one server keep what their trials gave; `hosting` makes it."""
_tried: set[str] = set()


def load_tried(folder: Path, seconds: float) -> ModelBundle:
    """Load a bundle that lives and answers in a process of its own; the second time it is taken as tried.

    Args:
        folder: Where the bundle lies.
        seconds: Longest time that the trial may take.

    Returns:
        The bundle, of the very bytes that were tried.

    Raises:
        StoreError: If it cannot be read, its trial died, took too long or gave other numbers than it does here.
    """
    parts = read_parts(folder)
    digest = _digest(parts)
    if digest in _tried:
        return build_bundle(parts, folder)
    started = time.perf_counter()
    place = value_of(TRIALS)
    tried = _tried_once(parts, folder, seconds, Path(place) if place else None)
    bundle = without_learning(lambda: build_bundle(parts, folder))
    if ask(bundle) != tried:
        raise StoreError(f"The model in {folder} gave other numbers in its trial than here. Train or export it again.")
    _tried.add(digest)
    logger.info("The model in %s was tried within %.1f s", folder, time.perf_counter() - started)
    return bundle


def try_ahead(folders: Iterable[Path], seconds: float, place: Path) -> None:
    """Try bundles before anybody loads them; what goes wrong is met again by whoever does, who can tell it.

    Args:
        folders: Where the bundles lie.
        seconds: Longest time that a trial may take.
        place: Where the processes of one server look for what trials gave.
    """
    for folder in folders:
        with suppress(StoreError, OSError):
            _tried_once(read_parts(folder), folder, seconds, place)


def ask(bundle: ModelBundle) -> list[list[float]]:
    """Scores and probabilities of rows that reach from the least to the most of every feature, and of missing ones.

    Raises:
        StoreError: If one is no number from 0 to 1.
    """
    names = bundle.feature_set.names
    columns = [bundle.profile.features[name].quantiles for name in names]
    values = np.array([[line[round(at * (len(line) - 1))] if line else np.nan for line in columns] for at in _PLACES])
    mixed = np.where(np.arange(len(names)) % 2 == 0, values, values[::-1])
    rows = pd.DataFrame(np.vstack([values, mixed, np.full((1, len(names)), np.nan)]), columns=list(names))
    rows.insert(0, INSTRUMENT, "trial")
    rows.insert(0, TS, pd.Timestamp(0, unit="us", tz="UTC"))
    answers = bundle.predict(rows)[[SCORE, PROBABILITY]].to_numpy(dtype=np.float64)
    if not ((answers >= 0.0) & (answers <= 1.0)).all():
        raise StoreError(f"The model {bundle.name!r} answers with what is no probability. Train or export it again.")
    listed: list[list[float]] = answers.tolist()
    return listed


def _digest(parts: dict[str, bytes]) -> str:
    return sha256(b"".join(sha256(content).digest() for content in parts.values())).hexdigest()


def _tried_once(parts: dict[str, bytes], folder: Path, seconds: float, place: Path | None) -> list[list[float]]:
    """What a bundle answers in a process of its own; siblings of this process do not try the same again."""
    if place is None:
        return _try(parts, folder, seconds)
    digest = _digest(parts)
    with (place / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = place / f"{digest}.json"
        if kept.exists():
            found: list[list[float]] = json.loads(kept.read_text())
            return found
        tried = _try(parts, folder, seconds)
        kept.write_text(json.dumps(tried))
        return tried


def _try(parts: dict[str, bytes], folder: Path, seconds: float) -> list[list[float]]:
    """What the bundle answers in a process of its own."""
    head = {"folder": str(folder), "sizes": {name: len(content) for name, content in parts.items()}}
    given = json.dumps(head).encode() + b"\n" + b"".join(parts.values())
    command = [sys.executable, "-P", "-m", "finq_predictor.serving.trial_load", str(MEMORY), f"{seconds:.0f}"]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, env=_environment())
    except subprocess.TimeoutExpired:
        raise StoreError(f"The trial of the model in {folder} took longer than {seconds:g} s. {_ADVICE}") from None
    if done.returncode != 0:
        raise StoreError(f"The trial of the model in {folder} {_death(done)}. {_ADVICE}")
    said = json.loads(done.stdout)
    if "problem" in said:
        raise StoreError(said["problem"])
    answers: list[list[float]] = said["answers"]
    return answers


_ADVICE = "It is not served; train or export it again, or raise FINQ_TRIAL_SECONDS where the machine is slow."


def _death(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return f"was ended by {signal.Signals(-done.returncode).name}"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return f"failed: {lines[-1][:300] if lines else f'status {done.returncode}'}"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in given().items() if not is_secret(DECLARED, name)}
    # The package lies where this process found it, which need not be where it is installed.
    places = [str(Path(finq_predictor.__file__).parents[1]), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return {**kept, **_VARIABLES, "PYTHONPATH": os.pathsep.join(place for place in places if place)}
