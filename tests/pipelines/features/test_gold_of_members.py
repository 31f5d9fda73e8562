"""Gold, labels, ranks and what is served speak of the members of each bar, and of nobody else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features
from finq_predictor.domain.features.audit import audit_tables
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel, delivered
from finq_predictor.domain.tables import SILVER_MEMBERSHIP
from finq_predictor.pipelines.features.nodes import assemble_panel, build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from synthetic_silver import random_tables

EQUITY = get_market("equity")
PARAMS = FeaturesParams(min_known_share=0.01, families=("momentum", "cross_section"))
JOINER, LEAVER, STRANGER = "BBB", "CCC", "DDD"
JOINS, LEAVES = 300, 340


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return random_tables(EQUITY)


@pytest.fixture(scope="module")
def times(tables) -> list[pd.Timestamp]:
    return list(tables["bars"]["ts"].drop_duplicates().sort_values())


@pytest.fixture(scope="module")
def membership(tables, times) -> pd.DataFrame:
    """One joins late, one leaves, one was never in; the others always."""
    begin, hour = times[0], pd.Timedelta(hours=1)
    always = sorted(set(tables["bars"]["instrument"]) - {JOINER, LEAVER, STRANGER})
    rows = [(name, begin, pd.NaT, begin) for name in (*always, LEAVER)]
    rows.append((JOINER, times[JOINS] - hour, pd.NaT, times[JOINS] - hour))
    rows.append((LEAVER, begin, times[LEAVES] - hour, times[LEAVES] - hour))
    frame = pd.DataFrame(rows, columns=["instrument", "since", "until", "known_at"])
    return SILVER_MEMBERSHIP.typed(frame.assign(until=pd.to_datetime(frame["until"], utc=True)))


def make(tables, membership) -> tuple[Panel, pd.DataFrame, object]:
    given = (tables["bars"], tables["sentiment"], tables["coverage"], tables["macro"], tables["benchmark"], membership)
    panel = assemble_panel(*given, market=EQUITY)
    feature_set, gold = build_gold(panel, PARAMS, market=EQUITY)
    return panel, gold, feature_set


@pytest.fixture(scope="module")
def made(tables, membership):
    return make(tables, membership)


@pytest.fixture(scope="module")
def without(tables):
    return make(tables, None)


def test_rows_are_those_of_members(made, times):
    gold = made[1]
    spans = gold.groupby("instrument")["ts"].agg(["min", "max"])
    assert STRANGER not in spans.index
    assert spans.loc[JOINER, "min"] == times[JOINS]
    assert spans.loc[LEAVER, "max"] == times[LEAVES - 1]
    assert spans.loc["AAA", "min"] == times[0]


def test_a_joiner_has_its_whole_history_at_once(made, without, times):
    """What is not compared with others is the same to the bit as if everybody had been asked about."""
    own = [
        name
        for name in made[2].names
        if "cross_section" not in {i for s in made[2].specs() if s.name == name for i in s.inputs}
    ]
    first = [gold[(gold["instrument"] == JOINER) & (gold["ts"] == times[JOINS])] for _, gold, _ in (made, without)]
    assert first[0][own].notna().to_numpy().mean() > 0.9
    np.testing.assert_array_equal(*(rows[own].to_numpy() for rows in first))


def test_ranks_are_among_members(made, without, times):
    gold = made[1]
    ranks = gold[gold["ts"] == times[200]].set_index("instrument")["rank_ret_20"]
    assert sorted(ranks.dropna()) == pytest.approx(np.linspace(-0.5, 0.5, len(ranks)))
    others = without[1][without[1]["ts"] == times[200]].set_index("instrument")["rank_ret_20"]
    assert len(others) == len(ranks) + 2
    assert not ranks.equals(others.loc[ranks.index])


def test_who_leaves_has_an_outcome_by_the_prices_after(made, without, times):
    labels = [name for name in made[1] if name.startswith(("label_", "forward_return_"))]
    last = [gold[(gold["instrument"] == LEAVER) & (gold["ts"] == times[LEAVES - 1])] for _, gold, _ in (made, without)]
    assert last[0]["label_5"].notna().all()
    assert last[0][labels].reset_index(drop=True).equals(last[1][labels].reset_index(drop=True))


@pytest.mark.parametrize("cut", [250, 320])
def test_another_membership_after_a_bar_changes_no_row_up_to_it(tables, membership, made, times, cut):
    later = membership["known_at"] > times[cut]
    changed = [
        membership[~later],
        pd.concat(
            [
                membership[~later],
                membership[~later].assign(until=times[cut], known_at=times[cut] + pd.Timedelta(hours=1)),
                membership[:1].assign(instrument=STRANGER, since=times[0], known_at=times[cut + 1]),
            ],
            ignore_index=True,
        ),
    ]
    before = made[1][made[1]["ts"] <= times[cut]].reset_index(drop=True)
    for table in changed:
        gold = make(tables, SILVER_MEMBERSHIP.typed(table))[1]
        after = gold[gold["ts"] <= times[cut]].reset_index(drop=True)
        # What is known on too few rows of the whole history is left out, by the whole history.
        common = [name for name in before if name in after]
        assert len(common) > 0.9 * before.shape[1]
        pd.testing.assert_frame_equal(after[common], before[common], check_exact=True)


@pytest.mark.parametrize("place", [JOINS, LEAVES - 1, LEAVES, -1])
def test_what_is_served_at_a_bar_is_what_the_batch_has(made, times, place):
    panel, gold, feature_set = made
    ts = times[place]
    served = compute_features(panel.until(ts), feature_set, at=pd.DatetimeIndex([ts]))
    batch = gold[gold["ts"] == ts]
    assert list(served["instrument"]) == list(batch["instrument"])
    names = list(feature_set.names)
    np.testing.assert_array_equal(served[names].to_numpy("float32"), batch[names].to_numpy("float32"))


def test_without_a_membership_nothing_is_different(tables, without):
    """An empty table means that there is no such source."""
    panel, gold, feature_set = make(tables, SILVER_MEMBERSHIP.empty())
    assert "member" not in panel.fields
    assert "membership" not in delivered({"membership": SILVER_MEMBERSHIP.empty()})
    pd.testing.assert_frame_equal(gold, without[1], check_exact=True)
    assert feature_set == without[2]


def test_the_audit_cuts_membership_by_known_time(tables, membership, monkeypatch):
    silver = {**tables, "membership": membership}
    assert audit_tables(silver, EQUITY, times=1, seed=11).clean
    monkeypatch.setattr("finq_predictor.domain.membership._ticks", careless)
    assert not audit_tables(silver, EQUITY, times=1, seed=11).clean


def careless(times: pd.Series) -> np.ndarray:
    """Forgets when something was known: stays count from their begin, as a list of today has them."""
    ticks = times.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    never = np.where(times.isna().to_numpy(), np.iinfo(np.int64).max, ticks)
    return np.zeros_like(never) if times.name in ("known_at", "since") else never
