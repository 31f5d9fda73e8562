"""Gold frames with a known signal, made in memory: what training is tested on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.features import FeatureSet


def make_gold(
    *,
    n_instruments: int = 20,
    n_dates: int = 300,
    n_features: int = 8,
    horizon: int = 5,
    entry_lag: int = 1,
    signal: float = 0.3,
    missing: float = 0.05,
    seed: int = 1,
) -> pd.DataFrame:
    """An equity-like panel: slow features, overlapping labels; feature_0 moves the return of the next day.

    Args:
        signal: Slope of the daily return on feature_0, in units of its noise; 0 plants nothing.
    """
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2018-01-01", periods=n_dates + horizon + entry_lag + 1, tz="UTC") + pd.Timedelta("21h")
    n = len(sessions)
    features = rng.standard_normal((n_features, n, n_instruments))
    for t in range(1, n):
        features[:, t] = 0.9 * features[:, t - 1] + np.sqrt(1 - 0.81) * features[:, t]
    daily = rng.standard_normal((n, n_instruments)) * 0.01
    daily[1:] += signal * 0.01 * features[0, :-1]
    level = np.cumsum(np.log1p(daily), axis=0)
    at = np.arange(n_dates)
    forward = np.expm1(level[at + entry_lag + horizon] - level[at + entry_lag])
    end = sessions[at + entry_lag + horizon]
    names = [f"S{i:03d}" for i in range(n_instruments)]
    frame = pd.DataFrame(
        {
            "ts": np.repeat(sessions[:n_dates].as_unit("us"), n_instruments),
            "instrument": pd.array(names * n_dates, dtype="str"),
            **{f"feature_{k}": features[k, :n_dates].ravel() for k in range(n_features)},
            f"forward_return_{horizon}": forward.ravel(),
            f"label_{horizon}": (forward > 0).astype(float).ravel(),
            f"label_end_{horizon}": np.repeat(end.as_unit("us"), n_instruments),
        }
    )
    holes = rng.random((len(frame), n_features)) < missing
    columns = [f"feature_{k}" for k in range(n_features)]
    frame[columns] = frame[columns].mask(holes)
    unknown = frame["ts"] >= sessions[n_dates - horizon - entry_lag]
    frame.loc[unknown, [f"forward_return_{horizon}", f"label_{horizon}"]] = np.nan
    frame[f"label_end_{horizon}"] = frame[f"label_end_{horizon}"].mask(unknown)
    return frame


def feature_names(gold: pd.DataFrame) -> list[str]:
    """The feature columns of a synthetic gold frame."""
    return [name for name in gold.columns if name.startswith("feature_")]


def make_feature_set(gold: pd.DataFrame) -> FeatureSet:
    """The feature set of a synthetic gold frame."""
    return FeatureSet("equity", tuple(feature_names(gold)), 20, "0" * 64, ("close",))
