"""How long training takes, each step beside a named peer in the same run; the figures decide no test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.modelling.models import create_model
from synthetic_gold import feature_names, make_gold


def seconds(function: Callable[[], object], repeat: int = 1) -> float:
    """Best wall-clock time of a few calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.fixture(scope="module")
def rows():
    """100,000 rows of 60 features, as float32."""
    gold = make_gold(n_instruments=100, n_dates=1006, n_features=60, signal=0.05).dropna(subset=["label_5"])
    return gold, gold[feature_names(gold)].astype("float32"), gold["label_5"].to_numpy()


def test_fit_beside_scikit_learn(rows):
    _, X, y = rows
    cut = int(len(X) * 0.8)
    peers = {
        "xgboost, 150 trees": lambda: create_model("xgboost", {"max_depth": 4}),
        "xgboost, 150 trees, all cores": lambda: create_model("xgboost", {"max_depth": 4, "threads": os.cpu_count()}),
        "lightgbm, 150 trees": lambda: create_model("lightgbm", {"max_depth": 4}),
        "logistic": lambda: create_model("logistic"),
        "sklearn HistGradientBoosting": lambda: HistGradientBoostingClassifier(
            max_iter=150, max_depth=4, learning_rate=0.03, max_bins=64, early_stopping=False, random_state=0
        ),
        "sklearn LogisticRegression (lbfgs)": lambda: LogisticRegression(C=0.001, max_iter=200),
    }
    for name, make in peers.items():
        model = make()
        ours = hasattr(model, "predict_score")
        matrix = X if ours or "Hist" in name else X.fillna(0.0)
        train, test = matrix.iloc[:cut], matrix.iloc[cut:]
        took = seconds(lambda: model.fit(train, y[:cut], **({"seed": 1} if ours else {})))  # noqa: B023
        score = model.predict_score(test) if ours else model.predict_proba(test)[:, 1]
        auc = roc_auc_score(y[cut:], score)
        print(f"\nfit {cut:,} x {X.shape[1]}  {name:36s} {took:7.2f} s   AUC {auc:.4f}", end="")


def test_networks_beside_a_bare_loop():
    """A fit beside the shortest loop that PyTorch allows, of the same size, and what a score costs."""
    torch = pytest.importorskip("torch", reason="needs the sequence extra: torch is not installed")
    rng = np.random.default_rng(0)
    columns = [f"{stem}_{lag}" for stem in ("seq_return", "seq_excess", "seq_range", "seq_volume") for lag in range(20)]
    X = pd.DataFrame(rng.standard_normal((40_000, 80), dtype=np.float32), columns=columns)
    y = (X["seq_return_0"].to_numpy() + 3.0 * rng.standard_normal(len(X)) > 0).astype(float)
    rows = torch.from_numpy(X.to_numpy().reshape(-1, 4, 20).transpose(0, 2, 1).copy())
    wanted = torch.from_numpy(y.astype(np.float32))

    def loop(body: torch.nn.Module, state: Callable[[object], object]) -> None:
        torch.set_num_threads(1)
        head, criterion = torch.nn.Linear(32, 1), torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], lr=0.002, weight_decay=0.1)
        for _ in range(2):
            for batch in torch.randperm(len(rows)).split(1024):
                optimizer.zero_grad()
                criterion(head(state(rows[batch]))[:, 0], wanted[batch]).backward()
                optimizer.step()

    into = torch.nn.Linear(4, 32)
    layer = torch.nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
    lstm = torch.nn.LSTM(4, 32, batch_first=True)
    bare = {
        "lstm": lambda: loop(lstm, lambda steps: lstm(steps)[1][0][0]),
        "transformer": lambda: loop(torch.nn.ModuleList([into, layer]), lambda steps: layer(into(steps)).mean(dim=1)),
    }
    for name, peer in bare.items():
        model = create_model(name, {"epochs": 2})
        model.fit(X[:100], y[:100], seed=1)
        ours, theirs = (seconds(call, 2) for call in (lambda: model.fit(X, y, seed=1), peer))  # noqa: B023
        print(f"\nfit {len(X):,} x 20 x 4, 2 passes  {name:12s} {ours:6.2f} s, bare loop {theirs:6.2f} s", end="")
        every, one = (model.predict_score(X), X.iloc[[7]])
        took, single = seconds(lambda: model.predict_score(X)), seconds(lambda: model.predict_score(one), 100)  # noqa: B023
        print(f"   score {took / len(X) * 1e6:.0f} us a row, one alone {single * 1e6:.0f} us", end="")
        assert len(every) == len(X)


def test_one_row_beside_scikit_learn(rows):
    _, X, y = rows
    small, labels = X.iloc[:20_000], y[:20_000]
    one, matrix = small.iloc[[7]], np.ascontiguousarray(small.iloc[[7]].to_numpy())
    for name in ("logistic", "xgboost", "lightgbm"):
        model = create_model(name).fit(small, labels, seed=1)
        took = seconds(lambda: model.score_matrix(matrix), 200)  # noqa: B023
        framed = seconds(lambda: model.predict_score(one), 200)  # noqa: B023
        print(f"\none row  {name:36s} {took * 1e6:8.0f} us, from a frame {framed * 1e6:8.0f} us", end="")
    peer = HistGradientBoostingClassifier(max_iter=150, max_depth=4).fit(small.to_numpy(), labels)
    took = seconds(lambda: peer.predict_proba(matrix), 50)
    print(f"\none row  {'sklearn HistGradientBoosting':36s} {took * 1e6:8.0f} us")


def test_daily_rank_ic_beside_scipy(rows):
    gold, X, _ = rows
    day = metrics.day_codes(gold["ts"])
    score, outcome = X["feature_0"].fillna(0.0).to_numpy(float), gold["forward_return_5"].to_numpy()

    def loop() -> float:
        starts = np.flatnonzero(np.r_[True, day[1:] != day[:-1], True])
        return float(np.mean([stats.spearmanr(score[a:b], outcome[a:b]).statistic for a, b in pairwise(starts)]))

    ours, peer = seconds(lambda: metrics.rank_ic(score, outcome, day)), seconds(loop)
    print(f"\ndaily RankIC of {len(day):,} rows: ours {ours:.3f} s, scipy.stats.spearmanr by day {peer:.3f} s")
    assert metrics.rank_ic(score, outcome, day) == pytest.approx(loop(), abs=1e-9)


def test_bootstrap_beside_arch():
    from arch.bootstrap import StationaryBootstrap

    daily = np.random.default_rng(0).standard_normal(1000)
    ours = seconds(lambda: bootstrap_mean(daily, block=10, n_resamples=2000))
    peer = seconds(lambda: StationaryBootstrap(10, daily, seed=1).conf_int(np.mean, 2000, method="percentile"))
    print(f"\n2,000 resamples of 1,000 days: ours {ours:.3f} s, arch {peer:.3f} s")
