"""Every formula says what the code computes: each is read, set, and evaluated a second time by other means."""

from __future__ import annotations

import re

import numpy as np
import pytest
from formulas_by_numpy import evaluate

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import REGISTRY, compute_features, make_feature_set, select_features
from finq_predictor.domain.features.formulas import WORDS, latex, require_formula
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.market.markets import MARKETS
from synthetic_silver import random_panel

BAR = 300
"""From here on every window is full."""


@pytest.fixture(scope="module", params=sorted(MARKETS))
def panel(request):
    return random_panel(MARKETS[request.param])


@pytest.fixture(scope="module")
def computed(panel):
    specs = select_features(MARKETS[panel.market], panel.available, members=members_of("all"))
    table = compute_features(panel, make_feature_set(specs))
    return specs, table, panel.universe


def test_every_formula_gives_the_values_of_the_code(panel, computed):
    specs, table, universe = computed
    late = np.flatnonzero(np.nonzero(universe)[0] >= BAR)
    wrong = []
    for spec in specs:
        said = evaluate(spec.formula, panel)[universe][late]
        ours = table[spec.name].to_numpy()[late]
        both = np.isfinite(ours) & np.isfinite(said)
        close = np.isclose(ours[both], said[both], rtol=1e-6, atol=1e-9 * (1.0 + np.abs(said[both]).max(initial=0.0)))
        # What is known by one and not by the other: a denominator of nought, and nothing more.
        apart = np.isfinite(ours) != np.isfinite(said)
        if not close.all() or apart.mean() > 0.03 or both.mean() < 0.5:
            wrong.append((spec.name, spec.formula, int((~close).sum()), float(apart.mean()), float(both.mean())))
    assert wrong == []


def test_the_second_evaluation_sees_a_formula_that_is_wrong(panel, computed):
    _, table, universe = computed
    late = np.flatnonzero(np.nonzero(universe)[0] >= BAR)
    ours = table["sma_gap_20"].to_numpy()[late]
    for wrong in ("close / mean(close, 19) - 1", "close / mean(open, 20) - 1", "mean(close, 20) / close - 1"):
        assert not np.allclose(evaluate(wrong, panel)[universe][late], ours, rtol=1e-6, equal_nan=True), wrong


def test_every_feature_has_a_formula_that_names_its_windows():
    for name, spec in REGISTRY.items():
        require_formula(spec.formula, name)
        assert latex(spec.formula)
        for window in spec.window:
            assert re.search(rf"\b{window}\b", spec.formula), f"{name}: {spec.formula} does not say {window}"


def test_every_feature_says_when_it_is_known():
    assert REGISTRY["ret_5"].known == "at the close of its bar"
    assert REGISTRY["hour_sin"].known == "before its bar begins, from the clock"
    assert "when they were published" in REGISTRY["macro_zscore"].known
    assert "articles" in REGISTRY["news_tone_5"].known
    assert "benchmark" in REGISTRY["beta_60"].known
    assert "sector" in REGISTRY["sector_ret_20"].known


def test_every_word_is_used_and_no_other():
    said = " ".join(spec.formula for spec in REGISTRY.values())
    assert [word for word in WORDS if not re.search(rf"\b{word.partition('(')[0]}\b", said)] == []


def test_a_formula_in_other_words_is_refused():
    with pytest.raises(ConfigurationError, match="is no expression"):
        require_formula("", "mine")
    with pytest.raises(ConfigurationError, match="Did you mean 'close'"):
        require_formula("closs / mean(close, 5)", "mine")
    with pytest.raises(ConfigurationError, match="'average_of'"):
        require_formula("average_of(close)", "mine")


def test_a_formula_is_set_with_its_brackets():
    assert latex("2 * (ask - bid) / (ask + bid)") == (
        r"\frac{2\,\left(\mathrm{ask} - \mathrm{bid}\right)}{\mathrm{ask} + \mathrm{bid}}"
    )
    assert latex("close - (open - low)") == r"\mathrm{close} - \left(\mathrm{open} - \mathrm{low}\right)"
    assert latex("lag(ret, 3)") == r"\mathrm{ret}_{t-3}"
    assert latex("mean(ret == 0, 60)") == r"\mathrm{mean}_{60}\left(\mathbb{1}\{\mathrm{ret} = 0\}\right)"
