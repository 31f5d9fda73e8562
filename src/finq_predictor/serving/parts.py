"""How the parts are doing that a service stands on: its spool and keeper, its store, its limits, its accounts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from finq_predictor.adapters.layout import Layout
from finq_predictor.serving.keeper import STANDING, Standing
from finq_predictor.serving.runtime import Runtime
from finq_predictor.serving.settings import AuthMode
from finq_predictor.serving.spool import FOLDER, used_by

LATE_S = 60.0
"""A keeper that has not told anything for so long is not at work; it tells each second, or each half minute."""
_LIMITS = {
    "nobody": (True, "No limits are set."),
    "each process": (True, "Each process counts requests for itself."),
    "all together": (True, "All processes count requests together, in Redis."),
    "away": (False, "Redis does not answer; each process counts requests for itself."),
}
_ACCOUNTS = {
    AuthMode.ON: "Everybody is asked who they are.",
    AuthMode.AUTO: "Everybody is asked who they are as soon as there are accounts; before, only this machine may ask.",
    AuthMode.OFF: "Nobody is asked who they are.",
}


class Part(NamedTuple):
    """One thing that the service stands on.

    Attributes:
        name: What it is.
        good: Whether it is as it should be.
        words: How it is, in a sentence.
    """

    name: str
    good: bool
    words: str


def keeper_of(root: Path) -> Standing | None:
    """What the keeper of a folder that is written into told last; None where it never did."""
    known = {field.name for field in fields(Standing)}
    try:
        told = orjson.loads((Layout(root).served / STANDING).read_bytes())
        return Standing(**{name: value for name, value in told.items() if name in known})
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def recording_of(api: Runtime) -> dict[str, Any]:
    """How what is answered is recorded; reads the disk."""
    settings, now = api.settings, api.now()
    keeper = keeper_of(settings.state)
    return {
        "on": settings.record,
        "bytes": used_by(Layout(settings.state).served / FOLDER),
        "limit_mb": settings.record_limit_mb,
        "keeper": keeper,
        "told_s": None if keeper is None else max(0.0, now - keeper.at),
        "late": keeper is not None and now - keeper.at > LATE_S,
        "behind_s": max(0.0, now - keeper.kept_until) if keeper is not None and keeper.kept_until else 0.0,
    }


def parts_of(api: Runtime) -> list[Part]:
    """The parts beside the markets; asks the store, which may take some seconds where it is away."""
    issuer = api.access.issuer
    return [
        Part("Store of what was said", *_store(api)),
        Part("Probabilities", True, "From the inference service." if api.hops else "Computed in this process."),
        Part("Answers of other processes", *_shared(api)),
        Part("Limits of callers", *_LIMITS[api.rates.kept]),
        Part("Accounts", *_accounts(api)),
        Part("Sign-in elsewhere", True, f"With {issuer.name}." if issuer else "None."),
    ]


def _shared(api: Runtime) -> tuple[bool, str]:
    shared = api.store.shared
    if shared is None:
        return True, "Each process computes its own."
    return shared.problem is None, shared.problem or "They are taken from Redis."


def _accounts(api: Runtime) -> tuple[bool, str]:
    if api.access.trouble is not None:
        # Its text may show where they are; the log has it.
        return False, "They cannot be read; the log says why. Who was let in before still is, for some minutes."
    return api.settings.auth is not AuthMode.OFF, _ACCOUNTS[api.settings.auth]


def _store(api: Runtime) -> tuple[bool, str]:
    return api.past.standing()
