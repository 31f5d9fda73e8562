"""Every feature that a model looks at can ring alone: each is moved, one by one, and has to be noticed in time."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.false_discoveries import adjust_p_values
from finq_predictor.domain.monitoring.drift import DriftRules, Evidence, Subject, feature_drift, limits
from finq_predictor.domain.monitoring.drift.features import P_VALUES, adjust_family_wise
from finq_predictor.domain.monitoring.drift.windows import last_days, past_windows

DAYS, RULES = 20, DriftRules()
FAR = 10.0
"""So many standard deviations in training is a feature moved by."""
LATEST = 19
"""After so many of the twenty days of a window the slowest feature has rung, in fx on no more than ten past windows."""
USUAL = 7
"""After so many days three of four features have."""
ADJUST = {Evidence.DISTRIBUTION: adjust_p_values, Evidence.LEVEL: adjust_family_wise}


class Watched:
    """A market of the small project as its monitoring sees it, in which features can be moved."""

    def __init__(self, root: Path, market: str) -> None:
        """Read the champion and cut its gold as monitoring does."""
        champion = load_bundle(path_of(root, market, "champion"))
        self.reference = champion.profile.features
        gold = pd.read_parquet(path_of(root, market, "gold"), columns=[TS, *self.reference])
        self.current = last_days(gold, DAYS)
        trained = gold[TS] <= pd.Timestamp(champion.origin.trained_to)
        self.history = gold[trained & (gold[TS] < self.current[TS].min())]
        dates = self.current[TS].dt.normalize()
        self.days_left = dates.nunique() - dates.rank(method="dense").to_numpy()

    @cached_property
    def names(self) -> list[str]:
        """All features."""
        return list(self.reference)

    @cached_property
    def calm(self) -> pd.DataFrame:
        """Drift of what really is there."""
        return self.compare(self.current)

    def compare(self, current: pd.DataFrame) -> pd.DataFrame:
        return feature_drift(self.reference, current, self.history, days=DAYS, rules=RULES).set_index("name")

    def moved(self, far: float, days: np.ndarray) -> pd.DataFrame:
        """The current window with every feature moved on its last days; a feature that never changed moves by one."""
        steps = np.array([column.std if column.std > 0.0 else 1.0 for column in self.reference.values()])
        late = self.days_left[:, None] < days[None, :]
        values = self.current[self.names].to_numpy(dtype="float64") + late * (far * steps)
        return pd.DataFrame(values, columns=self.names).assign(ts=self.current[TS].to_numpy())

    def rings_alone(self, current: pd.DataFrame) -> np.ndarray:
        """Which features ring if each is the only one that is as in ``current`` and all others are as they are.

        How a feature differs from training does not depend on the others, but how unlikely that has to be does.
        """
        table = self.compare(current)
        rings = np.zeros(len(self.names), dtype=bool)
        for evidence, column in P_VALUES.items():
            large = np.zeros(len(table), dtype=bool)
            for test, threshold in limits(Subject.FEATURE, {}, evidence).items():
                large |= (table[test] > threshold).to_numpy()
            for place in np.flatnonzero(large):
                p_values = self.calm[column].to_numpy(copy=True)
                p_values[place] = table[column].iloc[place]
                rings[place] |= ADJUST[evidence](p_values)[place] <= RULES.budget(evidence)
        return rings

    def delay(self, far: float) -> pd.Series:
        """After how many days each feature rings, by bisection; more than the window has if it never does."""
        low, high = np.zeros(len(self.names), dtype="int64"), np.full(len(self.names), DAYS + 1)
        while (high - low > 1).any():
            middle = np.where(high - low > 1, (low + high) // 2, high)
            rings = self.rings_alone(self.moved(far, middle)) | (middle > DAYS)
            high, low = np.where(rings, middle, high), np.where(rings, low, middle)
            low = np.minimum(low, high - 1)
        return pd.Series(high, index=self.names)


@pytest.fixture(scope="module", params=["equity", "fx"])
def watched(request, small_project):
    return request.param, Watched(small_project, request.param)


@pytest.mark.slow
def test_every_feature_that_moves_rings_alone_and_in_time(watched):
    market, world = watched
    assert not world.calm["drifted"].any()
    delay = np.maximum(world.delay(FAR), world.delay(-FAR)).sort_values()
    slowest = ", ".join(f"{name} {days}" for name, days in delay.tail(5).items())
    print(f"{market}: {len(delay)} features ring after {delay.median():g} days, the slowest: {slowest}")
    assert delay.index[delay > LATEST].tolist() == []
    assert delay.quantile(0.75) <= USUAL
    for name in delay.index[-2:]:  # as monitoring itself says it
        alone = world.current.assign(**{name: world.moved(FAR, np.full(len(world.names), LATEST))[name].to_numpy()})
        assert world.compare(alone)["drifted"].pipe(lambda drifted: list(drifted.index[drifted])) == [name]


@pytest.mark.slow
def test_a_flag_the_wrong_way_round_rings(watched):
    """But for one that was up, or down, throughout some window of training: then that is nothing new."""
    market, world = watched
    flags = [name for name, column in world.reference.items() if set(column.quantiles) == {0.0, 1.0}]
    spread = pd.Series({name: world.reference[name].std for name in flags})
    windows = pd.DataFrame([world.history[flags].iloc[rows].mean() for rows in past_windows(world.history, DAYS)])
    turned = 1.0 - world.current[flags]
    beyond = (turned.mean() - turned.mean().clip(windows.min(), windows.max())).abs()
    new = list(beyond[beyond > spread].index)
    rings = pd.Series(world.rings_alone(world.current.assign(**{name: turned[name] for name in new})), world.names)
    print(f"{market}: of {len(flags)} flags {len(new)} are new the wrong way round: {', '.join(new)}")
    assert rings[new].all(), rings[new]
