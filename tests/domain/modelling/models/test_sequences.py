"""Models over sequences: where a row keeps its past, what networks say without PyTorch, what a process expects."""

from __future__ import annotations

import base64
import json
import sys
import threading
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from finq_predictor.domain.errors import ConfigurationError, DataError, StoreError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.models import MODELS, create_model, restore_model
from finq_predictor.domain.modelling.models.sequences import Scaling, place_sequences, place_static

LAGS = 20
COLUMNS = [f"{stem}_{lag}" for stem in ("seq_return", "seq_range") for lag in range(LAGS)] + ["beta", "size"]
QUICK = {"hidden": 8, "epochs": 4, "batch": 128, "learning_rate": 0.02}


def make_rows(n: int = 3000, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """What decides is the order of two bars and one static feature, beside noise; some values are missing."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.standard_normal((n, len(COLUMNS))), columns=COLUMNS)
    drive = X["seq_return_2"] - X["seq_return_0"] + X["beta"]
    y = (drive + rng.standard_normal(n) > 0).astype(float).to_numpy()
    return X.mask(rng.random(X.shape) < 0.05), y


@pytest.fixture(scope="module", params=["lstm", "transformer"])
def fitted(request):
    pytest.importorskip("torch", reason="needs the sequence extra: torch is not installed")
    return create_model(request.param, QUICK | {"static": ["bet*", "size"]}).fit(*make_rows(), seed=3)


@pytest.fixture(scope="module")
def arima_of():
    return pytest.importorskip("statsforecast.arima", reason="needs the sequence extra: statsforecast is missing")


def test_a_sequence_is_found_by_its_name_or_column_by_column():
    features = ("x_0", "x_1", "x_2", "y_2", "y_1", "y_0", "z")
    np.testing.assert_array_equal(place_sequences(["x", "y"], features, "m"), [[2, 1, 0], [3, 4, 5]])
    np.testing.assert_array_equal(place_sequences([["z", "x_0"]], features, "m"), [[6, 0]])
    np.testing.assert_array_equal(place_sequences(["nothing", "y"], features, "m"), [[3, 4, 5]])
    np.testing.assert_array_equal(place_static(["z", "?_0"], features, "m"), [0, 5, 6])


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["seq_retrun"], r"features\.set: house-sequence\. Did you mean 'seq_return_"),
        ([], "hold none"),
        (["seq_return", ["beta"]], r"different lengths, \{'seq_return': 20"),
    ],
)
def test_sequences_that_are_not_there_are_refused(named, message):
    with pytest.raises(ConfigurationError, match=message):
        place_sequences(named, tuple(COLUMNS), "lstm")


def test_a_pattern_of_no_column_is_refused():
    with pytest.raises(ConfigurationError, match=r"'betta'.*Did you mean 'beta'"):
        place_static(["betta"], tuple(COLUMNS), "lstm")


def test_a_column_without_a_value_in_training_says_nothing_afterwards():
    scaling = Scaling(clip=3.0)
    scaling.learn(np.array([[1.0, np.nan], [3.0, np.nan]], dtype=np.float32))
    said = scaling.apply(np.array([[5.0, 7.0], [np.nan, -1.0], [1e9, np.nan]], dtype=np.float32))
    np.testing.assert_array_equal(said, np.array([[3.0, 0.0], [0.0, 0.0], [3.0, 0.0]], dtype=np.float32))


def test_networks_find_what_is_in_the_order_of_bars(fitted):
    X, y = make_rows(seed=9)
    assert roc_auc_score(y, fitted.predict_score(X)) > 0.75
    turned = X.rename(columns={"seq_return_0": "seq_return_2", "seq_return_2": "seq_return_0"})
    assert roc_auc_score(y, fitted.predict_score(turned)) < 0.65


def test_machine_code_says_what_pytorch_says(fitted):
    torch = pytest.importorskip("torch")
    X, _ = make_rows(n=1500, seed=4)
    ours = fitted.predict_score(X)
    try:
        fitted._on_torch(torch, torch.device("cpu"))
        np.testing.assert_allclose(fitted.predict_score(X), ours, atol=2e-6)
        # In blocks that are filled up, a row alone has its bits there as well.
        alone = [fitted.predict_score(X.iloc[[row]])[0] for row in (0, 700, 1499)]
        assert alone == [fitted.predict_score(X)[row] for row in (0, 700, 1499)]
    finally:
        fitted.to_device("cpu")
    np.testing.assert_array_equal(fitted.predict_score(X), ours)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2999), min_size=1, max_size=70), st.integers(0, 2**32 - 1))
def test_no_row_knows_its_neighbours(fitted, rows, seed):
    X, _ = make_rows()
    alone = fitted.predict_score(X.iloc[[rows[0]]])[0]
    others = X.iloc[rows].copy()
    others.iloc[1:] = np.random.default_rng(seed).standard_normal((len(rows) - 1, X.shape[1])) * 1e3
    assert fitted.predict_score(others)[0] == alone


def test_ranks_are_learned_as_labels_are(fitted):
    X, y = make_rows()
    ranks = 0.25 + 0.5 * y
    again = create_model(fitted.name, QUICK | {"static": ["beta"]}).fit(X, ranks, seed=1)
    late, truth = make_rows(seed=9)
    assert roc_auc_score(truth, again.predict_score(late)) > 0.7
    assert again.predict_score(late).max() < 0.95


def test_fits_side_by_side_are_the_fits_alone(fitted):
    torch = pytest.importorskip("torch")
    X, y = make_rows(n=600)
    alone = {seed: create_model(fitted.name, QUICK).fit(X, y, seed=seed).state() for seed in (1, 2)}
    found = {}

    def fit(seed: int) -> None:
        found[seed] = create_model(fitted.name, QUICK).fit(X, y, seed=seed).state()

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone
    assert torch.get_num_threads() == 1


def test_progress_is_reported(fitted):
    model, told = create_model(fitted.name, QUICK | {"epochs": 2}), []
    model.report = told.append
    model.fit(*make_rows(n=300), seed=1)
    assert [said.split(",")[0] for said in told] == [
        f"{fitted.name}: pass {number} of 2 over 300 rows" for number in (1, 2)
    ]


def damaged(state: dict, how: str) -> dict:
    learned = dict(state["learned"])
    flat = np.frombuffer(base64.b64decode(learned["weights"]), dtype="<f4").copy()
    if how == "flipped":
        learned["weights"] = learned["weights"].replace(learned["weights"][8], "A", 1) + "A"
    elif how == "no base64":
        learned["weights"] = "!" + learned["weights"][1:]
    elif how == "too few":
        learned["weights"] = base64.b64encode(flat[:-1].tobytes()).decode()
    elif how == "no number":
        flat[3] = np.nan
        learned["weights"] = base64.b64encode(flat.tobytes()).decode()
    elif how == "scale":
        learned["scaling"] = {**learned["scaling"], "gain": learned["scaling"]["gain"][1:]}
    if how in ("no base64", "too few", "no number"):
        learned["hash"] = hash_content(learned["weights"])
    return {**state, "learned": learned}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("flipped", "the hash of the weights"),
        ("no base64", "no base64"),
        ("too few", "the number of weights"),
        ("no number", "a weight cannot be"),
        ("scale", "the gain holds"),
    ],
)
def test_damaged_weights_are_refused(fitted, how, message):
    state = json.loads(json.dumps(fitted.state()))
    with pytest.raises(StoreError, match=message):
        restore_model(fitted.name, damaged(state, how))


@pytest.mark.parametrize("params", [{"hidden": 2**40}, {"hidden": "wide"}, {"epochs": 0}, {"clip": -1.0}])
def test_a_state_with_senseless_parameters_is_refused(fitted, params):
    state = fitted.state()
    with pytest.raises(StoreError, match="Train it again"):
        restore_model(fitted.name, {**state, "params": {**state["params"], **params}})


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("lstm", {"epochs": 0}, "epochs=0"),
        ("lstm", {"learning_rate": -1.0}, "learning_rate=-1.0"),
        ("transformer", {"hidden": 30, "heads": 4}, "heads=4, which does not divide hidden=30"),
        ("transformer", {"layers": 0}, "layers=0"),
        ("arima", {"p": 0, "q": 0}, "p=0 and q=0"),
        ("arima", {"horizon": 0}, "horizon=0"),
    ],
)
def test_senseless_parameters_are_refused(name, params, message):
    with pytest.raises(ConfigurationError, match=message):
        create_model(name, params)


def test_a_device_that_is_not_there_is_refused(fitted):
    with pytest.raises(ConfigurationError, match="to be fitted on 'tpu'; this PyTorch, on this machine, knows cpu"):
        create_model(fitted.name, QUICK | {"device": "tpu"}).fit(*make_rows(n=100), seed=1)


@pytest.mark.parametrize(
    ("version", "devices"), [("2.13.0+cpu", ["cpu"]), ("2.13.0", ["cpu", "cuda"]), (None, ["cpu"])]
)
def test_whether_there_is_cuda_is_seen_without_importing_pytorch(version, devices, monkeypatch):
    def installed(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    monkeypatch.setattr(sys, "meta_path", [Absent("torch"), *sys.meta_path])
    for module in [each for each in sys.modules if each.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, module)
    assert MODELS["lstm"].devices() == tuple(devices)


def test_a_fit_that_loses_its_way_says_so(fitted):
    with pytest.raises(DataError, match="Take a smaller learning_rate"):
        create_model(fitted.name, QUICK | {"learning_rate": 1e5, "weight_decay": 1e5}).fit(*make_rows(n=600), seed=1)


@pytest.mark.parametrize(("name", "library"), [("lstm", "torch"), ("arima", "statsforecast")])
def test_without_its_library_a_model_says_what_to_install(name, library, monkeypatch):
    ours = "finq_predictor.domain.modelling.models._"
    for module in [
        each for each in sys.modules if each.startswith((library, f"{ours}pytorch", f"{ours}statsforecast"))
    ]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Absent(library), *sys.meta_path])
    with pytest.raises(ConfigurationError, match=rf"(?i)fitted with (py)?{library}.*finq-predictor\[sequence\]"):
        create_model(name).fit(*make_rows(n=100), seed=1)


class Absent:
    """A finder for which one library is not installed."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=self.library)


def test_returns_are_forecast_with_their_spread(fitted):
    X, y = make_rows(n=2500)
    wild = X["size"].fillna(0.0).to_numpy() > 0.0
    returns = np.random.default_rng(1).standard_normal(2500) * np.where(wild, 0.04, 0.01) + 0.01 * X["beta"].fillna(0.0)
    model = create_model(fitted.name, QUICK | {"static": ["beta", "size"], "returns": True}).fit(X, y, seed=1)
    assert model.forecasts
    assert model.forecast(X) is None
    before = model.predict_score(X)
    model.learn_returns(X, returns.to_numpy(), seed=1)
    np.testing.assert_array_equal(model.predict_score(X), before)
    found = model.forecast(X)
    assert np.corrcoef(found.mean, X["beta"].fillna(0.0))[0, 1] > 0.7
    assert found.spread[wild].mean() == pytest.approx(0.04, rel=0.3)
    assert found.spread[~wild].mean() < 0.6 * found.spread[wild].mean()
    again = restore_model(fitted.name, json.loads(json.dumps(model.state(), allow_nan=False))).forecast(X.iloc[[7]])
    assert (again.mean[0], again.spread[0]) == (found.mean[7], found.spread[7])
    broken = json.loads(json.dumps(model.state()))
    broken["learned"]["returns"]["scale"] = 0.0
    with pytest.raises(StoreError, match="the scale of returns"):
        restore_model(fitted.name, broken)
    with pytest.raises(DataError, match="missing or all the same"):
        model.learn_returns(X, np.full(2500, np.nan), seed=1)


# An ARMA process ------------------------------------------------------------------------------------------------------


def process(ar, ma, n: int, seed: int, mean: float = 0.0) -> np.ndarray:
    """Rows of an ARMA process, each of its own (n, LAGS + 10)."""
    shocks = np.random.default_rng(seed).standard_normal((n, LAGS + 110))
    x = shocks.copy()
    for t in range(1, x.shape[1]):
        for k, a in enumerate(ar, 1):
            x[:, t] += a * x[:, t - k] if t >= k else 0.0
        for k, b in enumerate(ma, 1):
            x[:, t] += b * shocks[:, t - k] if t >= k else 0.0
    return x[:, 100:] + mean


def as_rows(past: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(past[:, ::-1], columns=[f"seq_return_{lag}" for lag in range(past.shape[1])])


@pytest.mark.parametrize(("p", "q", "ar", "ma"), [(2, 0, [0.3, -0.2], []), (1, 1, [0.6], [0.3]), (0, 1, [], [0.4])])
def test_the_forecast_is_that_of_statsforecast(arima_of, p, q, ar, ma):
    whole = process(ar, ma, 700, seed=5)
    past, ahead = whole[:, :LAGS].astype(np.float32), whole[:, LAGS : LAGS + 5].sum(axis=1)
    X, y = as_rows(past), (ahead > 0).astype(float)
    model = create_model("arima", {"sequence": ["seq_return"], "p": p, "q": q, "clip": 100.0}).fit(X, y, seed=0)
    np.testing.assert_allclose([*model.ar, *model.ma], [*ar, *ma], atol=0.06)
    expected, deviation = model.forecast_sum(X)
    for row in range(5):
        series = past[row].astype(np.float64) - model.mean
        named = {f"ar{k + 1}": value for k, value in enumerate(model.ar)}
        named |= {f"ma{k + 1}": value for k, value in enumerate(model.ma)}
        theirs = arima_of.arima(
            series,
            order=(p, 0, q),
            include_mean=False,
            method="ML",
            fixed=np.array([*named.values()]),
            transform_pars=False,
        )
        said = arima_of.predict_arima(theirs, n_ahead=5)[0]
        assert expected[row] == pytest.approx(5 * model.mean + np.sum(said), abs=1e-6)
    np.testing.assert_allclose(model.predict_score(X), norm.cdf(expected / deviation), atol=1e-12)
    assert np.std(ahead - expected) == pytest.approx(deviation, rel=0.08)
    assert roc_auc_score(y, model.predict_score(X)) > 0.51


def test_of_several_sequences_the_first_that_is_delivered_is_read(arima_of):
    X = as_rows(process([0.3], [], 200, seed=1)[:, :LAGS])
    model = create_model("arima", {"p": 1, "q": 0}).fit(X, np.resize([0.0, 1.0], 200), seed=0)
    assert set(model.importance()) == set(X.columns)
    assert model.importance()["seq_return_0"] > 0.5


def test_labels_are_not_looked_at_and_missing_bars_are_passed_over(arima_of):
    X = as_rows(process([0.5], [], 600, seed=2)[:, :LAGS])
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    first, second = (
        create_model("arima", {"p": 1, "q": 0}).fit(X, y, seed=0)
        for y in (np.resize([0.0, 1.0], 600), np.resize([1.0, 0.0, 0.0], 600))
    )
    np.testing.assert_array_equal(first.predict_score(X), second.predict_score(X))
    assert first.ar[0] == pytest.approx(0.5, abs=0.06)


def test_a_lag_that_no_row_holds_says_nothing_afterwards(arima_of):
    X = as_rows(process([0.5], [], 300, seed=2)[:, :LAGS])
    model = create_model("arima", {"p": 1, "q": 0}).fit(
        X.assign(seq_return_0=np.nan), np.resize([0.0, 1.0], 300), seed=0
    )
    np.testing.assert_array_equal(model.predict_score(X), model.predict_score(X.assign(seq_return_0=9.0)))
    with pytest.raises(DataError, match="found no value"):
        create_model("arima").fit(X * np.nan, np.resize([0.0, 1.0], 300), seed=0)


@pytest.mark.parametrize("change", [{"ar": [1.0]}, {"weights": [0.0]}, {"deviation": 0.0}, {"mean": "much"}])
def test_a_damaged_process_is_refused(arima_of, change):
    X = as_rows(process([0.5], [], 100, seed=2)[:, :LAGS])
    state = create_model("arima").fit(X, np.resize([0.0, 1.0], 100), seed=0).state()
    with pytest.raises(StoreError, match="Train it again"):
        restore_model("arima", {**state, "learned": {**state["learned"], **change}})
