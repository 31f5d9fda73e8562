"""What is known of a served model: where it comes from, what the gate said of it, and where it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.prediction import bars_since
from finq_predictor.serving.answers import Served

if TYPE_CHECKING:
    from finq_predictor.domain.promotion.decision import Decision

_CHAMPION, _DECISION = "champion", "promotion"


class Judged(NamedTuple):
    """What the gate said.

    Attributes:
        of_it: The decision by which this model came to serve; None where no kept snapshot tells it.
        promised: What its evaluation found then, by the names of figures.
        last: A later decision, about another candidate or its demotion; None where there is none.
        problem: Why that could not be read; empty where it could.
    """

    of_it: Decision | None
    promised: dict[str, float]
    last: Decision | None
    problem: str = ""


def card_of(root: Path, served: Served, clock: pd.Timestamp) -> dict[str, Any]:
    """The model card of a market; reads the disk.

    Args:
        root: Folder of the data.
        served: The market.
        clock: The moment, UTC.
    """
    bundle, rules, now = served.predictor.bundle, served.predictor.rules, served.now(clock)
    trained_to = pd.Timestamp(bundle.origin.trained_to)
    bars = bars_since(trained_to, pd.Series([served.predictor.newest]), served.market)
    return {
        "bundle": bundle,
        "origin": bundle.origin,
        "served": served,
        "age_days": max((now - trained_to) / pd.Timedelta(days=1), 0.0),
        "age_bars": int(bars[0]),
        "most_age_bars": rules.max_model_age_bars or served.market.most_model_age_bars,
        "fresh_hours": served.fresh_hours or served.market.fresh_hours,
        "rules": rules,
        "held_out": {
            "guard": bundle.guard.distance.count,
            "yes": bundle.conformal.yes.count,
            "no": bundle.conformal.no.count,
        },
        "judged": judged(root, served),
    }


def judged(root: Path, served: Served) -> Judged:
    """What the gate said of the model of a market, as far as kept snapshots tell it."""
    try:
        return _judged(root, served)
    except (DataError, OSError) as error:
        return Judged(None, {}, None, str(error))


def _judged(root: Path, served: Served) -> Judged:
    from finq_predictor.serving.score_cards import promises

    if served.snapshot is None:
        return Judged(None, {}, None)
    bundle = served.predictor.bundle
    store = SnapshotStore(root, served.market.name)
    newest = store.open(served.snapshot)
    content = newest.manifest.entries[_CHAMPION].content
    # The oldest of those with this very model: its own evaluation, and not one of a later candidate of its name.
    same = [one for one in map(store.open, store.ids()) if _holds(one, content)]
    for one in same:
        decision = _decision(one)
        if decision is not None and _made(decision, bundle):
            last = _decision(newest)
            return Judged(decision, promises(one, bundle.name), None if last == decision else last)
    return Judged(None, {}, _decision(newest))


def _holds(snapshot: Snapshot, content: str) -> bool:
    entry = snapshot.manifest.entries.get(_CHAMPION)
    return entry is not None and entry.content == content


def _made(decision: Decision, bundle: ModelBundle) -> bool:
    """Whether a model came to serve by a decision."""
    from finq_predictor.domain.promotion.decision import Verdict

    return decision.candidate == bundle.name and decision.decision is not Verdict.REJECT


def _decision(snapshot: Snapshot) -> Decision | None:
    from finq_predictor.domain.promotion.decision import Decision

    if not snapshot.has(_DECISION):
        return None
    path = snapshot.path(_DECISION)
    return from_json(Decision, path.read_bytes(), path.name, "Evaluate again: kedro run --pipelines=evaluation.")
