from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.domain_guard import DomainGuard, Shape

FEATURES = 12


def rows(n: int, seed: int = 0) -> np.ndarray:
    """Heavy tails, strong correlations, values missing here and there, and one feature without any value."""
    rng = np.random.default_rng(seed)
    common = rng.standard_t(4, (n, 3))
    mixed = common @ np.random.default_rng(9).standard_normal((3, FEATURES - 1)) + 0.3 * rng.standard_t(
        4, (n, FEATURES - 1)
    )
    mixed[:, 0] *= 1e6
    mixed[rng.random(mixed.shape) < 0.02] = np.nan
    return np.column_stack([mixed, np.full(n, np.nan)]).astype(np.float32)


@pytest.fixture(scope="module")
def guard() -> DomainGuard:
    train = rows(4000)
    return DomainGuard.of(Shape.of(train), Shape.of(train[:3000]), train[3000:])


def refused(guard: DomainGuard, some: np.ndarray, share: float = 0.01) -> tuple[float, float]:
    """How many of rows each measure refuses."""
    placed = guard.place(some)
    return float((placed.outside_share <= share).mean()), float((placed.distance_share <= share).mean())


def test_rows_like_those_of_training_are_refused_as_rarely_as_said(guard):
    fresh = rows(4000, seed=5)
    for share in (0.01, 0.05):
        assert max(refused(guard, fresh, share)) <= 1.6 * share
    assert guard.place(fresh).distance.mean() == pytest.approx(1.0, abs=0.15)


def shuffled(some: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.column_stack([rng.permutation(column) for column in some.T])


@pytest.mark.parametrize(
    ("plant", "by"),
    [
        (lambda some: some * 100.0, 0),
        (lambda some: some * 4.0, 0),
        (shuffled, 1),
        (lambda some: some[:, ::-1], 1),
    ],
    ids=["another unit", "a wilder market", "columns of different rows", "columns in another order"],
)  # fmt: skip
def test_planted_shifts_are_refused(plant, by, guard):
    fresh = rows(1000, seed=6)
    assert refused(guard, plant(fresh).astype(np.float32))[by] > 0.3


def test_a_row_alone_has_the_bits_it_has_in_a_batch(guard):
    fresh = rows(700, seed=7)
    batch = guard.place(fresh)
    order = np.random.default_rng(1).permutation(len(fresh))
    for ours, theirs in zip(guard.place(fresh[order]), batch, strict=True):
        np.testing.assert_array_equal(ours, theirs[order])
    for row in range(0, 700, 13):
        for ours, theirs in zip(guard.place(fresh[[row]]), batch, strict=True):
            assert ours[0] == theirs[row]


def test_the_distance_is_the_one_of_mahalanobis_in_normal_scores():
    """With whole numbers inside, against the plain formula."""
    from scipy.special import ndtri

    train, fresh = rows(4000)[:, :4], rows(50, seed=3)[:, :4]
    train, fresh = train[~np.isnan(train).any(axis=1)], fresh[~np.isnan(fresh).any(axis=1)]
    levels = np.clip(np.linspace(0, 1, 101), 0.001, 0.999)

    def scores(some):
        lines = [np.quantile(train[:, k].astype(float), np.linspace(0, 1, 101)) for k in range(4)]
        return np.column_stack([np.interp(some[:, k], lines[k], ndtri(levels)) for k in range(4)])

    reference = scores(train)
    center = reference.mean(axis=0)
    correlation = np.cov(reference, rowvar=False, bias=True)
    shrunk = 0.99 * correlation + 0.01 * np.trace(correlation) / 4 * np.eye(4)
    away = scores(fresh) - center
    plain = np.sqrt(np.einsum("ij,jk,ik->i", away, np.linalg.inv(shrunk), away) / 4)
    np.testing.assert_allclose(Shape.of(train).distance(fresh), plain, atol=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_farther_out_is_never_rarer_held_out(seed):
    train = rows(400)
    guard = DomainGuard.of(Shape.of(train), Shape.of(train[:300]), train[300:])
    placed = guard.place(rows(100, seed=seed) * np.float32(2.0))
    order = np.argsort(placed.distance)
    assert (np.diff(placed.distance_share[order]) <= 0).all()


def test_missing_values_lie_in_the_middle_and_outside_of_nothing(guard):
    nothing = np.full((1, FEATURES), np.nan, dtype=np.float32)
    placed = guard.place(nothing)
    assert placed.outside[0] == 0.0
    assert placed.distance[0] < 0.5
    with pytest.raises(DataError, match="got no row"):
        Shape.of(np.empty((0, 3), dtype=np.float32))


def test_the_state_goes_through_json_without_changing_a_bit(guard):
    again = DomainGuard.from_state(json.loads(json.dumps(guard.state(), allow_nan=False)), guard.shape.quantiles)
    fresh = rows(200, seed=8)
    for ours, theirs in zip(again.place(fresh), guard.place(fresh), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "change",
    [
        {"low": []},
        {"low": [1e300] * FEATURES},
        {"low": ["a"] * FEATURES},
        {"low": [1.0] * FEATURES, "high": [0.0] * FEATURES},
        {"center": [0.5] * FEATURES},
        {"center": [2**31 - 1] * FEATURES},
        {"weights": None},
        {"weights": [[1] * FEATURES] * (FEATURES - 1)},
        {"weights": [[1] * (FEATURES - 1)] * FEATURES},
        {"weights": [[2**30] * FEATURES] * FEATURES},
        {"outside": {}},
        {"distance": {"points": [3.0, 1.0], "count": 2}},
    ],
)
def test_a_state_that_is_none_is_refused(change, guard):
    with pytest.raises(StoreError, match=r"cannot be read: .*Train the model again"):
        DomainGuard.from_state({**guard.state(), **change}, guard.shape.quantiles)
    with pytest.raises(StoreError, match="cannot be read"):
        DomainGuard.from_state({}, guard.shape.quantiles)
