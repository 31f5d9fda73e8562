"""A better challenger is found, an equal one is not, however often one looks; order changes nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.always_valid import bet_on
from finq_predictor.domain.evaluation.arm_comparison import Verdict, compare_arms, decide, most_difference, pair_arms

WORLDS, BARS, NAMES, HORIZON, LAG = 400, 300, 6, 5, 1


def draw(chance, skill: float, bars: int, other: float):
    """Outcomes (bars, names) and what a champion and a challenger said, who see a part of what drives them."""
    drivers = chance.normal(size=(bars + HORIZON, NAMES))
    moves = sum(drivers[lag : lag + bars] for lag in range(1, HORIZON + 1)) / HORIZON**0.5

    def seen(part: float):
        signal = part * moves + (1 - part**2) ** 0.5 * chance.normal(size=moves.shape)
        return 1.0 / (1.0 + np.exp(-1.6 * part * signal))

    return (moves > 0).astype(float), seen(other), seen(skill)


def world(chance, skill: float, bars: int = BARS, other: float = 0.3) -> pd.DataFrame:
    """The same as pairs."""
    y, champion, challenger = draw(chance, skill, bars, other)
    return pd.DataFrame(
        {
            "ts": pd.date_range("2024-01-01", periods=bars, tz="UTC").repeat(NAMES),
            "instrument": np.tile([f"S{one:02d}" for one in range(NAMES)], bars),
            "label": y.ravel(),
            "probability_champion": champion.ravel(),
            "probability_challenger": challenger.ravel(),
            "decision_champion": "predict",
            "decision_challenger": "predict",
        }
    )


def gains(pairs: pd.DataFrame) -> np.ndarray:
    errors = (pairs["probability_champion"] - pairs["label"]) ** 2 - (
        pairs["probability_challenger"] - pairs["label"]
    ) ** 2
    return errors.groupby(pairs["ts"]).mean().to_numpy()


def test_in_many_worlds_a_better_challenger_is_found_and_an_equal_one_no_more_often_than_agreed():
    chance = np.random.default_rng(5)
    found = {skill: Counter() for skill in (0.3, 0.7)}
    for skill, said in found.items():
        for _ in range(WORLDS):
            y, champion, challenger = draw(chance, skill, BARS, other=0.3)
            difference = ((champion - y) ** 2 - (challenger - y) ** 2).mean(axis=1)
            most = most_difference(champion, challenger).mean(axis=1)
            assert (np.abs(difference) <= most + 1e-12).all()
            *_, verdict, _ = decide(difference, most, HORIZON + LAG)
            said[verdict] += 1
    # 5 % of 400 are 20; three standard deviations above that are 33.
    assert found[0.3][Verdict.BETTER] <= 33
    assert found[0.3][Verdict.WORSE] <= 33
    assert found[0.7][Verdict.BETTER] >= 0.95 * WORLDS
    assert found[0.7][Verdict.WORSE] == 0


@pytest.mark.parametrize(("skill", "verdict"), [(0.75, Verdict.BETTER), (0.0, Verdict.WORSE)])
def test_a_planted_difference_is_found_and_the_time_of_it_told(skill, verdict):
    chance = np.random.default_rng(9)
    pairs = world(chance, skill, bars=600, other=0.3 if verdict is Verdict.BETTER else 0.75)
    found = compare_arms(pairs, HORIZON + LAG, n_resamples=200)
    assert found.verdict is verdict
    assert found.decided_at in {one.isoformat() for one in pairs["ts"]}
    assert verdict.value in found.sentence
    assert (found.gain > 0) == (verdict is Verdict.BETTER)
    assert found.low <= found.gain <= found.high
    assert found.welch.notable
    assert (found.welch.cohens_d > 0.2) == (verdict is Verdict.BETTER)


def test_the_figures_are_those_of_the_definitions():
    pairs = world(np.random.default_rng(3), 0.4, bars=60)
    found = compare_arms(pairs, HORIZON + LAG, n_resamples=50)
    p, y = pairs["probability_challenger"], pairs["label"]
    assert found.challenger.brier == pytest.approx(((p - y) ** 2).mean())
    assert found.challenger.accuracy == pytest.approx(((p > 0.5) == (y == 1)).mean())
    assert found.gain == pytest.approx(gains(pairs).mean())
    q = pairs["probability_champion"]
    # Whatever happens: had the answer been yes, or no.
    most = np.maximum(abs((q - 1) ** 2 - (p - 1) ** 2), abs(q**2 - p**2)).groupby(pairs["ts"]).mean()
    shares = gains(pairs) / most.to_numpy()
    assert found.better.wealth == pytest.approx(bet_on(shares, HORIZON + LAG).wealth, rel=1e-9)
    by_bar = [
        ((pairs[f"probability_{arm}"] - y) ** 2).groupby(pairs["ts"]).mean() for arm in ("champion", "challenger")
    ]
    assert found.welch.p_value == pytest.approx(ttest_ind(*by_bar, equal_var=False).pvalue)
    assert found.detectable > 0.0


def test_where_there_is_little_no_figure_is_given():
    for bars in (0, 1, 19):
        found = compare_arms(world(np.random.default_rng(3), 0.4, bars=bars), HORIZON + LAG)
        assert found.verdict is Verdict.UNDECIDED
        assert found.gain is found.champion.brier is found.welch.p_value is found.detectable is None
        assert "expected 20 or more" in found.sentence
    with pytest.raises(DataError, match="expected 1 or more"):
        compare_arms(world(np.random.default_rng(3), 0.4, bars=2), 0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_pairs_are_those_of_both_whatever_their_order_and_the_first_word_counts(seed):
    chance = np.random.default_rng(seed)
    keys = pd.DataFrame({"ts": chance.integers(0, 6, 40), "instrument": chance.choice(["A", "B", "C"], 40)})
    said = keys.assign(probability=chance.random(40), decision="predict", label=1.0, served_at=chance.permutation(40))
    champion, challenger = said.iloc[:20], said.iloc[20:]
    found = pair_arms(champion, challenger)
    key = ["ts", "instrument"]
    assert set(map(tuple, found[key].to_numpy())) == set(map(tuple, champion[key].to_numpy())) & set(
        map(tuple, challenger[key].to_numpy())
    )
    for side, rows in (("champion", champion), ("challenger", challenger)):
        first = rows.sort_values("served_at").drop_duplicates(key).set_index(key)["probability"]
        for row in found.to_dict("records"):
            assert row[f"probability_{side}"] == first[row["ts"], row["instrument"]]
    order = chance.permutation(20)
    pd.testing.assert_frame_equal(found, pair_arms(champion.iloc[order], challenger.iloc[order]))
