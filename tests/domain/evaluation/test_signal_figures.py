"""How right signals were counts what was known by the newest bar, and nothing that came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.evaluation.signal_figures import signal_readings
from finq_predictor.domain.evaluation.signal_record import Figure
from finq_predictor.domain.evaluation.windows import WINDOWS
from finq_predictor.domain.market.markets import MARKETS

FX = MARKETS["fx"]
TS = pd.date_range("2024-03-04", periods=24 * 60, freq="h", tz="UTC").as_unit("us")
AS_OF = TS[-1]


def said(right_from: float = 0.5, seed: int = 0) -> pd.DataFrame:
    """A statement each hour about one pair, known an hour later; right with a chance."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, len(TS)).astype(float)
    right = rng.uniform(size=len(TS)) < right_from
    probability = np.where(right == (label > 0.5), 0.7, 0.3)
    return pd.DataFrame(
        {
            "ts": TS, "instrument": "EUR_USD", "probability": probability, "decision": "predict", "newest_ts": TS,
            "forward_return": np.where(label > 0.5, 0.001, -0.001), "label": label, "known_at": TS + FX.bar,
        }
    )  # fmt: skip


def read(statements: pd.DataFrame, as_of: pd.Timestamp = AS_OF) -> dict[tuple[str, str, str], float]:
    return {(one.figure.value, one.window, one.part): one.value for one in signal_readings(statements, as_of, FX)}


def test_by_hand():
    statements = said()
    statements["probability"] = np.where(np.arange(len(statements)) % 4 == 0, 0.2, 0.8)
    statements["label"] = 1.0
    found = read(statements)
    # Of the last seven days 168 bars, of which the outcome of the newest lies ahead.
    assert found["outcomes", "7d", ""] == 168.0
    assert found["accuracy", "7d", ""] == 0.75
    assert found["brier", "7d", ""] == pytest.approx(0.75 * 0.2**2 + 0.25 * 0.8**2)
    assert found["hit_rate", "30d", "up"] == 1.0
    assert found["hit_rate", "30d", "down"] == 0.0
    assert ("hit_rate", "7d", "down") not in found, "42 are too few to say anything"
    assert found["outcomes", "1d", ""] == 24.0
    assert ("accuracy", "1d", "") not in found
    assert found["per_hour", "1d", ""] == 1.0
    assert found["silent_days", "", ""] == 0.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), cut=st.integers(200, len(TS) - 2))
def test_what_becomes_known_later_changes_nothing(seed, cut):
    statements, as_of = said(seed=seed), TS[cut]
    rng = np.random.default_rng(seed)
    later = statements["known_at"] > as_of
    changed = statements.assign(
        label=statements["label"].where(~later, 1.0 - statements["label"]),
        forward_return=statements["forward_return"].where(~later, rng.normal(size=len(statements))),
    )
    unknown = statements.assign(
        label=statements["label"].where(~later), forward_return=statements["forward_return"].where(~later)
    )
    assert read(statements, as_of) == read(changed, as_of) == read(unknown, as_of)
    assert read(statements[statements["ts"] <= as_of], as_of) == read(statements, as_of)


@settings(max_examples=30, deadline=None)
@given(chance=st.floats(0.0, 1.0), seed=st.integers(0, 2**16))
def test_every_share_lies_between_none_and_all_and_windows_grow(chance, seed):
    found = read(said(chance, seed))
    assert all(
        0.0 <= value <= 1.0 for (figure, _, _), value in found.items() if figure in ("accuracy", "brier", "hit_rate")
    )
    counts = [found["outcomes", window, ""] for window in WINDOWS]
    assert counts == sorted(counts)
    assert all(np.isfinite(value) for value in found.values())


def test_a_model_is_as_right_where_nobody_was_to_act_and_a_signal_is_not():
    statements = said(0.6)
    silent = statements.assign(decision="abstain")
    acted, asked = read(statements), read(silent)
    assert asked["accuracy", "30d", ""] == acted["accuracy", "30d", ""]
    assert not [key for key in asked if key[0] in (Figure.HIT_RATE.value, Figure.PER_HOUR.value)]
    # Sixty days of bars without a signal.
    assert asked["silent_days", "", ""] == pytest.approx(60.0 * 260 / 260)


def test_what_was_known_when_it_was_said_does_not_count():
    statements = said().assign(newest_ts=AS_OF)
    assert {read(statements)["outcomes", window, ""] for window in WINDOWS} == {0.0}


def test_silence_is_counted_in_bars_about_which_something_was_said():
    statements = said()
    statements.loc[statements["ts"] > TS[-13], "decision"] = "abstain"
    assert read(statements)["silent_days", "", ""] == pytest.approx(12 / 24)
    gap = statements[(statements["ts"] <= TS[100]) | (statements["ts"] > TS[-13])]
    assert read(gap)["silent_days", "", ""] == pytest.approx(12 / 24)


def test_nothing_said_is_nothing_told():
    found = read(said().iloc[:0])
    assert {key[0] for key in found} == {"outcomes"}
    assert set(found.values()) == {0.0}
