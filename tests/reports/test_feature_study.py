"""A function is studied before it is a feature: held to laws, measured before the seal, and let go."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import FunctionType

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.features import REGISTRY, compute_features, make_feature_set, select_features
from finq_predictor.domain.features import feature as feature_of_the_house
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import features_of
from finq_predictor.domain.features.laws import LAWS
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import Panel
from finq_predictor.reports.feature_study import study
from finq_predictor.reports.figures import to_png

EQUITY, FX = MARKETS["equity"], MARKETS["fx"]
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "04-study-a-feature.ipynb"


def make_panel(bars: int = 300, names: int = 14, market: str = "equity", seed: int = 0) -> Panel:
    """Prices of which the next return follows the last but one, so that there is something to find."""
    rng = np.random.default_rng(seed)
    shocks = 0.01 * rng.standard_normal((bars, names))
    returns = shocks.copy()
    returns[3:] += 0.4 * shocks[:-3]
    close = 50.0 * np.exp(returns.cumsum(axis=0))
    spread = 0.005 * rng.random((2, bars, names))
    fields = {"close": close, "open": close, "high": close * (1 + spread[0]), "low": close * (1 - spread[1])}
    fields["benchmark_close"] = np.full((bars, 1), 100.0)
    fields["sector"] = np.tile(np.arange(names) % 2, (bars, 1)).astype(float)
    ts = pd.date_range("2019-01-01 15:00", periods=bars, freq="D", tz="UTC").as_unit("us")
    return Panel(market, ts, tuple(f"S{place:02d}" for place in range(names)), fields)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_panel()


def decorate(function, **options):
    """As a cell of a notebook does it: what is typed there is of the module ``__main__``."""
    typed = FunctionType(function.__code__, globals(), function.__name__, closure=function.__closure__)
    typed.__module__, typed.__doc__ = "__main__", function.__doc__
    said = {"inputs": ("close",), "lookback": 3, "unit": "ratio", "source": "own idea"}
    return feature_of_the_house(**(said | options))(typed)


def two_ago(bars: Bars):
    """Return of the bar before the last."""
    return bars.lag(bars.returns, 1)


def growth(bars: Bars, n: int):
    """Growth over n bars."""
    return bars.change(n)


# What is found --------------------------------------------------------------------------------------------------------


def test_a_decorated_function_is_measured_and_not_kept(panel):
    before = tuple(REGISTRY)
    found = study(decorate(two_ago), panel, horizons=(1, 5))
    again = study(decorate(two_ago), panel, horizons=(1, 5))
    assert tuple(REGISTRY) == before
    assert found.lawful
    assert [spec.name for spec in found.specs] == ["two_ago"]
    table = found.table.set_index("horizon")
    assert table.loc[1, "p_bh"] < 1e-6
    assert table.loc[1, "mean"] > 0.2
    pd.testing.assert_frame_equal(found.table, again.table)
    assert to_png(found.figure)[:4] == b"\x89PNG"
    assert "two_ago" in found._repr_html_()
    assert sorted(found.stability.loc[found.stability["kind"] == "group", "part"].unique()) == ["sector 0", "sector 1"]


def test_the_figures_are_those_of_a_feature_that_is_registered(panel):
    """The study computes what the engine would, and validates it as the pipeline does."""
    from finq_predictor.domain.evaluation.feature_validation.validating import validate_features

    with REGISTRY.trial():
        feature_of_the_house(inputs=("close",), lookback=3, unit="ratio", source="own idea")(two_ago_registered)
        spec = [each for each in select_features(EQUITY, panel.available) if each.name == "two_ago_registered"]
        values = compute_features(panel, make_feature_set(spec))
    labels = make_labels(panel, EQUITY, (1,)).drop(columns=["ts", "instrument"])
    gold = pd.concat([values.astype({"two_ago_registered": "float32"}), labels], axis=1)
    seal = panel.ts[int(len(panel.ts) * 0.85)]
    theirs = validate_features(gold, ["two_ago_registered"], EQUITY, horizons=(1,), sealed_from=seal).features
    ours = study(decorate(two_ago), panel, horizons=(1,)).table
    for name in ("mean", "t", "p_value", "lag_5", "coverage"):
        assert ours[name].item() == theirs[name].item(), name


def two_ago_registered(bars: Bars):
    """Return of the bar before the last."""
    return bars.lag(bars.returns, 1)


def test_a_plain_function_is_tried_for_its_inputs_and_its_lookback(panel):
    found = study(growth, panel, windows=(3, 17), horizons=(1,))
    assert [(spec.name, spec.inputs, spec.lookback) for spec in found.specs] == [
        ("growth_3", ("close",), 4),
        ("growth_17", ("close",), 18),
    ]
    assert found.lawful
    assert found.table["feature"].tolist() == ["growth_3", "growth_17"]


def test_what_knows_the_next_bar_is_named(panel):
    def tomorrow(bars):
        """Return of the next bar."""
        return np.roll(bars.returns, -1, axis=0)

    found = study(tomorrow, panel, horizons=(1,))
    broken = found.laws[~found.laws["kept"]]
    assert "knows nothing of later bars" in set(broken["law"])
    assert not found.lawful


def test_a_lookback_that_is_too_short_and_what_is_infinite_are_named(panel):
    short = study(decorate(growth, windows=(5,), lookback=lambda n: n), panel, horizons=(1,))
    broken = set(short.laws[~short.laws["kept"]]["law"])
    assert {"is decided by the bars that it declares", LAWS["lookback_suffices"].says} <= broken
    assert LAWS["level_free"].says not in broken

    def endless(bars):
        """One over nothing."""
        return 1.0 / (bars.close - bars.close)

    assert "is never infinite" in set(study(endless, panel, horizons=(1,)).laws.query("not kept")["law"])


def test_what_says_the_same_is_named(panel):
    rows = make_labels(panel, EQUITY, (1,))[["ts", "instrument"]]
    row, column = np.nonzero(panel.universe)
    same = two_ago(Bars(panel))[row, column]
    noise = np.random.default_rng(0).standard_normal(len(rows))
    gold = rows.assign(twin=-same, other=noise, forward_return_1=same, label_1=1.0)
    found = study(decorate(two_ago), panel, gold=gold, horizons=(1,))
    assert found.alike["other"].tolist() == ["twin", "other"], "outcomes are no features"
    assert found.alike["correlation"].iloc[0] == pytest.approx(-1.0)
    assert abs(found.alike["correlation"].iloc[1]) < 0.1
    with pytest.raises(DataError, match="no row in common"):
        study(decorate(two_ago), panel, gold=gold.assign(ts=gold["ts"] + pd.Timedelta("1h")), horizons=(1,))


def test_few_instruments_are_studied_too():
    found = study(growth, make_panel(names=3, market="fx"), windows=(2,), horizons=(1,))
    assert found.table["scope"].tolist() == ["time"]


# What may not be looked at --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False], ids=["folds", "nobody says"])
def test_the_sealed_window_is_not_looked_at(panel, told):
    seal = panel.ts[200] if told else panel.ts[int(len(panel.ts) * 0.85)]
    folds = pd.DataFrame({"sealed": [False, True], "test_start": [panel.ts[50], seal]}) if told else None
    rng = np.random.default_rng(5)
    later = panel.ts >= seal
    fields = {name: values.copy() for name, values in panel.fields.items()}
    for name in ("close", "open", "high", "low"):
        fields[name][later] = 50.0 + rng.random((later.sum(), 14))
    other = Panel(panel.market, panel.ts, panel.instruments, fields)
    one, two = (study(decorate(two_ago), each, folds=folds, horizons=(1,)) for each in (panel, other))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.stability, two.stability)
    assert int(one.table["n_bars"].item()) <= int((~later).sum())


# From a notebook to a file --------------------------------------------------------------------------------------------


def idea() -> str:
    """The cell of the notebook that holds an idea."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if "@feature(" in "".join(cell["source"]))


def test_the_cell_of_the_notebook_is_a_file_as_it_is(tmp_path, panel, monkeypatch):
    """The same text, typed in a cell and imported from a file, is the same feature; only the file's is kept."""
    file = tmp_path / "ideas.py"
    file.write_text(idea(), encoding="utf-8")
    before = set(REGISTRY)
    with REGISTRY.trial():
        module = load(file, "ideas", monkeypatch)
        kept = [REGISTRY[name] for name in REGISTRY if name not in before]
        assert [spec.name for spec in kept] == ["close_off_middle_5", "close_off_middle_20"]
        from_file = study(module.close_off_middle, panel, horizons=(1,))
    cell = load(file, "__main__", monkeypatch)
    assert set(REGISTRY) == before
    from_cell = study(cell.close_off_middle, panel, horizons=(1,))
    assert from_cell.lawful
    pd.testing.assert_frame_equal(from_cell.table, from_file.table)
    definitions = [[spec.definition() for spec in found.specs] for found in (from_cell, from_file)]
    assert definitions[0] == definitions[1]


def load(file: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


# Refusals -------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_studied_is_said(panel):
    with pytest.raises(ConfigurationError, match="says its windows itself"):
        study(decorate(growth, windows=(5,)), panel, windows=(3,))
    with pytest.raises(ConfigurationError, match="takes the bars"):
        study(lambda: 1, panel)
    with pytest.raises(DataError, match="lacks volume"):
        study(decorate(two_ago, inputs=("volume",)), panel)
    with pytest.raises(DataError, match="too few"):
        study(growth, panel.rows(0, 4), windows=(1,))
    with pytest.raises(ConfigurationError, match="lookback of 0 bars"):
        decorate(growth, windows=(5,), lookback=0)
    assert features_of(lambda: 1) == ()
