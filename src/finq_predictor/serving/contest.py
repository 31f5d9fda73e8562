"""What is tried beside the champion of a market: challengers in its shadow, and one that may answer callers itself.

A challenger answers from the panel of the champion. Whatever goes wrong with it is told and leaves the champion alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from finq_predictor.adapters.challengers import Challenger, Mode, read_experiment, read_key
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.evaluation.sticky_arms import Arm, place_of
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.answers import Served
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.trial import load_tried
from finq_predictor.serving.watch import Watched, back_off

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)
_MOST_PLACES = 65_536
Sees = Callable[[str, str], bool]


@dataclass(frozen=True)
class Rival:
    """A challenger as it is served.

    Attributes:
        entry: What is said of it.
        served: What gives its answers; None where it cannot.
        problem: Why it cannot; None where it can.
    """

    entry: Challenger
    served: Served | None
    problem: str | None = None


@dataclass(frozen=True)
class Sides:
    """Who answers a request, and who is recorded beside.

    Attributes:
        answering: What gives the answer.
        shadows: What is recorded and not given.
        arm: Whose answer it is, where callers are divided; None where nobody else answers anybody.
    """

    answering: Served
    shadows: tuple[Served, ...] = ()
    arm: Arm | None = None

    @property
    def told(self) -> dict[str, str]:
        """What an answer says of it; nothing where nobody else answers anybody."""
        return {} if self.arm is None else {"arm": self.arm.value}


@dataclass(frozen=True)
class Contest:
    """All that is tried in a market at a moment.

    Attributes:
        champion: What it is tried against.
        rivals: The challengers.
        key: Secret by which callers are divided; None where nobody divides them.
        problem: Why nothing can be tried at all; None where it can.
    """

    champion: Served
    rivals: tuple[Rival, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    problem: str | None = None
    answering: Rival | None = field(init=False)
    _steps: tuple[tuple[float, float], ...] = field(init=False, repr=False)
    _places: dict[str, float] = field(init=False, repr=False, default_factory=dict)
    _sides: dict[Arm | None, Sides] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        able = [one for one in self.rivals if one.served is not None]
        asked = next((one for one in able if one.entry.mode is Mode.AB and self.key is not None), None)
        put(self, "answering", asked)
        steps = () if asked is None else asked.entry.roll_out.steps
        put(self, "_steps", tuple((since.timestamp(), share) for since, share in steps))
        shadows = tuple(one.served for one in able if one.served is not None)
        arm = None if asked is None else Arm.CHAMPION
        sides: dict[Arm | None, Sides] = {Arm.CHAMPION: Sides(self.champion, shadows, arm)}
        if asked is not None and asked.served is not None:
            rest = tuple(one for one in shadows if one is not asked.served)
            sides[Arm.CHALLENGER] = Sides(asked.served, (self.champion, *rest), Arm.CHALLENGER)
        put(self, "_sides", sides)

    @property
    def problems(self) -> list[str]:
        """What is wrong, a sentence each."""
        told = [f"challenger {one.entry.name}: {one.problem}" for one in self.rivals if one.problem is not None]
        return told if self.problem is None else [f"experiment: {self.problem}", *told]

    def share_at(self, clock: float) -> float:
        """Share of the callers that the challenger answers at a moment, in seconds since 1970."""
        return max((share for since, share in self._steps if since <= clock), default=0.0)

    def sides(self, who: str | None, clock: float, sees: Sees | None = None) -> Sides:
        """Who answers a caller, and who is recorded beside.

        Args:
            who: The caller; the champion answers who is not known.
            clock: The moment in seconds since 1970.
            sees: Whether the caller may be answered by a model about a market; None is by all.
        """
        rival = self.answering
        if who is None or rival is None or self._place(who, rival) >= self.share_at(clock):
            return self._sides[Arm.CHAMPION]
        if sees is not None and not sees(self.champion.market.name, rival.entry.model):
            return self._sides[Arm.CHAMPION]
        return self._sides[Arm.CHALLENGER]

    @property
    def all_sides(self) -> tuple[Sides, ...]:
        """Every answer to who answers."""
        return tuple(self._sides.values())

    def _place(self, who: str, rival: Rival) -> float:
        place = self._places.get(who)
        if place is None and self.key is not None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            place = self._places[who] = place_of(self.key, rival.entry.experiment, who)
        return 1.0 if place is None else place


def sides_of(served: Served, who: str | None, clock: float, sees: Sees | None = None) -> Sides:
    """Like :meth:`Contest.sides`, also where nothing is tried."""
    return Sides(served) if served.contest is None else served.contest.sides(who, clock, sees)


def watched_by(root: Path, market: str) -> list[Path]:
    """The files that say what is tried."""
    layout = Layout(root)
    return [layout.experiment(market), layout.challengers(market), layout.experiment_key(market)]


def load_contest(settings: Settings, champion: Served, before: Contest | None = None) -> Contest | None:
    """Read what is tried against a champion and let it answer the newest bar; never raises.

    Args:
        settings: Where everything lies.
        champion: The champion as it is served.
        before: What was tried until now; what has not changed of it stays.

    Returns:
        The contest; None where nothing is tried.
    """
    market = champion.market.name
    try:
        experiment = read_experiment(settings.data_root, market)
        divided = any(one.mode is Mode.AB for one in experiment.challengers)
        key = read_key(settings.data_root, market) if divided else None
    except Exception as error:
        logger.error("What is tried in %s cannot be read, nothing is: %s", market, error)
        return Contest(champion, problem=_in_words(error))
    if not experiment.challengers:
        return None
    former = {} if before is None or before.champion is not champion else {one.entry: one for one in before.rivals}
    rivals = []
    for entry in experiment.challengers:
        known = former.get(entry)
        rivals.append(known if known is not None and known.served is not None else _load(settings, champion, entry))
    return Contest(champion, tuple(rivals), key)


class Trying:
    """Follows what is tried in a market; of one thread.

    Args:
        settings: Where everything lies.
        market: Name of the market.
        clock: Tells seconds that only grow.
    """

    def __init__(self, settings: Settings, market: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._champion: Served | None = None
        self._failures, self._again = 0, 0.0
        self._watched = Watched(f"what is tried in {market}", watched_by(settings.data_root, market), self._load)

    def beside(self, champion: Served) -> Served:
        """The champion with what is tried beside it now; what failed is tried again after a pause."""
        failed = self._watched.value is not None and bool(self._watched.value.problems)
        if champion is not self._champion or (failed and self._clock() >= self._again):
            self._watched.forget()
        self._champion = champion
        if self._watched.refresh():
            found = self._watched.value
            self._failures = self._failures + 1 if found is not None and found.problems else 0
            self._again = self._clock() + back_off(max(self._failures, 1), self._settings.retry_seconds)
        found = self._watched.value
        return champion if found is None or found.champion is not champion else champion.beside(found)

    def _load(self) -> Contest | None:
        return None if self._champion is None else load_contest(self._settings, self._champion, self._watched.value)


def answers_beside(served: Served, ts: pd.Timestamp) -> dict[str, Any]:
    """What a challenger, or a shadow, says at a bar; nothing where it fails, which the log tells and harms nobody."""
    known = served.remembered(ts)
    if known is not None:
        return known
    try:
        return served.answers(ts)
    except Exception as error:
        logger.error("%s, which is tried, cannot answer at %s: %s", served.model["name"], ts.isoformat(), error)
        return {}


def fallen_back(sides: Sides, champion: Served) -> Sides:
    """The champion answers where the challenger cannot."""
    rest = tuple(one for one in sides.shadows if one.predictor is not champion.predictor)
    return Sides(champion, rest, Arm.CHAMPION)


def _load(settings: Settings, champion: Served, entry: Challenger) -> Rival:
    try:
        folder = Layout(settings.data_root).challengers(champion.market.name) / entry.name
        bundle = load_tried(folder, settings.trial_seconds)
        _require_same_question(bundle, champion, entry)
        predictor = Predictor(bundle, champion.predictor.panel, settings.rules)
        stored = None if champion.stored is None else champion.stored.of(bundle.feature_set)
        served = Served(
            champion.market, predictor, settings.cache_bars, settings.fresh_hours, champion.snapshot, stored=stored
        )
        served.answers(served.predictor.newest)
    except Exception as error:
        logger.error("The challenger %s of %s is not tried: %s", entry.name, champion.market.name, error)
        return Rival(entry, None, _in_words(error))
    logger.info("Trying %s version %s of %s as %s", entry.model, entry.version, champion.market.name, entry.mode)
    return Rival(entry, served)


def _require_same_question(bundle: Any, champion: Served, entry: Challenger) -> None:
    mine = champion.predictor.bundle
    if (bundle.name, bundle.version) != (entry.model, entry.version):
        raise StoreError(
            f"It is {bundle.name} version {bundle.version}, and {entry.model} version {entry.version} was added. Add "
            "it again."
        )
    if (bundle.market, bundle.horizon) != (mine.market, mine.horizon):
        raise StoreError(
            f"It answers {bundle.market} over {bundle.horizon} bars, the champion {mine.market} over {mine.horizon}; "
            "expected the same. Train one that does."
        )
    if (bundle.name, bundle.version) == (mine.name, mine.version):
        raise StoreError("It is the champion by now; there is nothing to try. Remove it: finq challenger remove.")


def _in_words(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if said and isinstance(error, FinqError | OSError) else f"{type(error).__name__}: {said}"
