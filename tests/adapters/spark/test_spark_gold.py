"""Gold of Spark is gold of one machine, bit by bit: every feature by its name, and every label."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from spark_cases import CASES, FIT, HORIZON, LEARNED, SEED, SHARED, SHORT, WINDOW, new_model
from spark_environment import HERE, run

from finq_predictor.domain.columns import label, label_end
from finq_predictor.domain.features import REGISTRY, FeatureSet
from finq_predictor.domain.panel import CROSS_SECTION
from finq_predictor.pipelines.features.nodes import build_gold

RANDOM = ["equity", "alpha158", "every_equity", "every_fx"]
REAL = ["real_shares", "real_pairs"]
FITS = ["fit-1-equity", "fit-2-equity"]
LONG = ["all_real_shares", "all_real_pairs"]


@dataclass(frozen=True)
class Made:
    """What Spark made of a case."""

    folder: Path
    told: dict[str, Any]

    @property
    def gold(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder)

    @property
    def feature_set(self) -> FeatureSet:
        return FeatureSet.from_dict(self.told["feature_set"])


def make(folder: Path, names: list[str]) -> dict[str, Made]:
    """The gold of cases; what was fitted on it lies beside it."""
    run(HERE / "on_spark.py", str(folder), *names)
    cases = [name for name in names if not name.startswith(FIT)]
    return {name: Made(folder / name, json.loads((folder / f"{name}.json").read_text())) for name in cases}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One session of Spark for all short cases."""
    names = [*RANDOM, SHORT + "every_equity", *(REAL if SHARED.is_dir() else []), *FITS]
    return make(tmp_path_factory.mktemp("spark"), names)


def local(name: str) -> tuple[FeatureSet, pd.DataFrame]:
    case = CASES[name]
    return build_gold(case.panel(), case.params, market=case.of)


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Largest difference of each feature; infinite where one knows a value and the other does not."""
    names = [name for name in one if one[name].dtype == "float32"]
    first, second = (table[names].to_numpy("float64") for table in (one, other))
    apart = np.where(np.isnan(first) & np.isnan(second), 0.0, np.abs(first - second))
    return pd.Series(np.where(np.isnan(apart), np.inf, apart).max(axis=0), index=names)


def assert_same(name: str, made: Made) -> None:
    feature_set, gold = local(name)
    assert made.feature_set == feature_set
    apart = differences(gold, made.gold)
    assert set(feature_set.names) == set(apart.index)
    assert (apart == 0.0).all(), apart[apart > 0.0].to_dict()
    # Keys, labels and when they are known as well, with the types of one machine.
    pd.testing.assert_frame_equal(made.gold, gold, check_exact=True)


@pytest.mark.parametrize("name", RANDOM)
def test_every_feature_and_label_is_what_one_machine_makes(name, made):
    assert_same(name, made[name])
    parts = sorted(file.name for file in made[name].folder.iterdir())
    assert len(parts) > 1, "a single slice proves nothing about slices"
    assert parts == [f"part-{number:05d}.parquet" for number in range(len(parts))]
    spans = [pd.read_parquet(made[name].folder / part, columns=["ts"])["ts"] for part in parts]
    assert all(one.max() < two.min() for one, two in pairwise(spans))


@pytest.mark.parametrize("name", REAL)
def test_real_bars_give_the_same(name, shared_data, made):
    assert_same(name, made[name])


def test_every_family_of_the_registry_is_compared(made):
    """Of both markets together nothing is left out, and both kinds are there: compared ones and others."""
    names = {spec.name for name in ("every_equity", "every_fx") for spec in made[name].feature_set.specs()}
    specs = [spec for name in ("every_equity", "every_fx", "alpha158") for spec in made[name].feature_set.specs()]
    assert {spec.family for spec in REGISTRY.values()} == {spec.family for spec in specs}
    house = {spec.function.__name__ for spec in REGISTRY.values() if not spec.family.startswith("alpha158")}
    assert house - {spec.function.__name__ for spec in specs} == set()
    assert sum(CROSS_SECTION in spec.inputs for spec in specs) > 50
    assert len(names) > 300


def test_a_bar_too_few_before_a_slice_is_noticed(made):
    """The comparison of the tests above is one that can fail, and by very little."""
    _, gold = local("every_equity")
    apart = differences(gold, made[SHORT + "every_equity"].gold)
    wrong = set(apart[apart > 0.0].index)
    longest = {spec.name for spec in REGISTRY.values() if CROSS_SECTION in spec.inputs and spec.lookback == 251}
    assert wrong
    assert wrong <= longest


def test_what_is_told_of_the_table_is_so_and_nothing_is_left_behind(made):
    for name in RANDOM:
        gold, told = made[name].gold, made[name].told
        assert (told["rows"], told["last"]) == (len(gold), str(gold["ts"].max()))
        assert told["left"] == []


def scores_of(folder: Path, name: str, gold: pd.DataFrame) -> np.ndarray:
    state = json.loads((folder / f"{name}.json").read_text())
    return type(new_model()).from_state(state).predict_score(gold)


@pytest.fixture(scope="module")
def learned(made):
    """Gold, the training rows in it, and what one machine says of every row."""
    gold = made["equity"].gold
    names = list(made["equity"].feature_set.names[::LEARNED])
    end = gold[label_end(HORIZON)]
    window = gold[label(HORIZON)].notna() & (gold["ts"] <= WINDOW.until) & (end <= WINDOW.known_until)
    assert 0.5 < window.mean() < 0.9
    rows = gold[window]
    model = new_model().fit(rows[names], rows[label(HORIZON)].to_numpy(), seed=SEED)
    return gold, rows, model.predict_score(gold)


def test_one_worker_fits_the_model_of_one_machine(made, learned):
    gold, _, expected = learned
    assert np.ptp(expected) > 0.1
    found = scores_of(made["equity"].folder.parent, "fit-1-equity", gold)
    np.testing.assert_array_equal(found, expected)


def test_two_workers_fit_a_model_as_near_as_another_seed(made, learned):
    """Their bins are cut by merged sketches, and each draws from its own rows: another model, but one as good."""
    gold, rows, expected = learned
    found = scores_of(made["equity"].folder.parent, "fit-2-equity", gold)
    names = list(made["equity"].feature_set.names[::LEARNED])
    other = new_model().fit(rows[names], rows[label(HORIZON)].to_numpy(), seed=SEED + 1).predict_score(gold)
    apart, of_a_seed = np.abs(found - expected).mean(), np.abs(other - expected).mean()
    assert 0.0 < apart < 1.5 * of_a_seed
    assert np.corrcoef(found, expected)[0, 1] > 0.9 * np.corrcoef(other, expected)[0, 1]


@pytest.mark.proof
def test_two_workers_fit_the_same_model_every_time(tmp_path):
    again = [f"fit-2-equity-{number}" for number in range(3)]
    make(tmp_path, ["equity", *again])
    first, *others = [(tmp_path / f"{name}.json").read_text() for name in again]
    assert others == [first, first]


def table_by_family(made: dict[str, Made]) -> pd.DataFrame:
    """Of each family: features, values that were compared, and the largest difference."""
    lines = []
    for name, one in made.items():
        feature_set, gold = local(name)
        apart = differences(gold, one.gold)
        known = gold.notna().sum()
        lines += [(name, spec.family, known[spec.name], apart[spec.name]) for spec in feature_set.specs()]
    table = pd.DataFrame(lines, columns=["case", "family", "values", "difference"])
    by = table.groupby(["case", "family"], sort=False)
    return by.agg(features=("values", "size"), values=("values", "sum"), difference=("difference", "max"))


@pytest.mark.proof
def test_all_real_bars_give_the_same(shared_data, tmp_path):
    made = make(tmp_path, ["every_equity", "every_fx", *LONG])
    print("\n" + table_by_family(made).to_string())
    for name in LONG:
        assert_same(name, made[name])
