"""How much an instrument will move tomorrow: a heterogeneous autoregression of its variance, beside a naive average.

The variance of a day is what its bars show: the sum of their squared returns where a day has several, else the move
over night and the range of the day. It is told one day ahead by the variance of the last day, week and month (HAR),
with coefficients that all instruments share and that are fitted on the days before. The naive rule is the average of
RiskMetrics, in which recent days count most. Both are judged by QLIKE, which ranks forecasts rightly although the true
variance is never seen (Patton, 2011), and by the squared error of log variance.

References: Corsi (2009), A simple approximate long-memory model of realized volatility; Rogers and Satchell (1991),
Estimating variance from high, low and closing prices; Duan (1983), Smearing estimate; Patton (2011), Volatility
forecast comparison using imperfect volatility proxies; Diebold and Mariano (1995), Comparing predictive accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix, Vector
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.backtest import trading_day
from finq_predictor.domain.evaluation.feature_validation.hac import hac_test
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables import VOLATILITY_FORECAST

DAY, WEEK, MONTH = 1, 5, 22
DECAY = 0.94
FEWEST_DAYS = 250
REFIT_DAYS = 63
SMALLEST = 1e-10
"""Variance of a day that is taken for one in which hardly anything was traded: a hundred-thousandth."""
LEVEL = 0.05


@dataclass(frozen=True)
class HarModel:
    """A fitted heterogeneous autoregression of log variance.

    Attributes:
        constant: Of the regression.
        day: Weight of the log variance of the last day.
        week: Of the mean of the last five.
        month: Of the mean of the last twenty-two.
        smearing: Mean of the exponentials of what it leaves: by so much the mean of a variance is above what the mean
            of its log says.
        fitted_to: Last day that it was fitted on, ISO 8601.
        rows: Days of instruments that it was fitted on.
    """

    constant: float
    day: float
    week: float
    month: float
    smearing: float
    fitted_to: str
    rows: int

    def forecast(self, log_variance: Matrix) -> Matrix:
        """Variance of the day after each (T, N); NaN until a month is known."""
        return np.asarray(
            self.smearing
            * np.exp(
                self.constant
                + sum(
                    weight * mean
                    for weight, mean in zip((self.day, self.week, self.month), _regressors(log_variance), strict=True)
                )
            )
        )


@dataclass(frozen=True)
class VolatilityVerdict:
    """Whether the model tells more than the naive rule; None where nothing could be judged.

    Attributes:
        model: Fitted on all days; None where there are too few.
        days: Days on which both were judged.
        qlike: Mean loss of the model.
        naive_qlike: Of the naive rule.
        gain_t: HAC t of the daily differences of QLIKE, above 0 where the model is better.
        gain_p: One-sided chance of such a difference where there is none.
        mse: Mean squared error of log variance.
        naive_mse: Of the naive rule.
        promoted: Whether the model is better by more than luck, in QLIKE, and not worse in squared error.
        reason: Why, in words.
    """

    model: HarModel | None
    days: int
    qlike: float | None
    naive_qlike: float | None
    gain_t: float | None
    gain_p: float | None
    mse: float | None
    naive_mse: float | None
    promoted: bool
    reason: str

    @property
    def figures(self) -> dict[str, float]:
        """Name -> what is known, as it is tracked."""
        names = ("qlike", "naive_qlike", "gain_t", "gain_p", "mse", "naive_mse", "days")
        return {name: float(value) for name in names if (value := getattr(self, name)) is not None}


def daily_variance(bars: pd.DataFrame, market: Market) -> pd.DataFrame:
    """The variance of each day of each instrument, day x instrument; NaN where it had no bar.

    Args:
        bars: Silver bars: ``ts``, ``instrument``, ``open``, ``high``, ``low``, ``close``, ``adj_close`` where known.
        market: By which day a bar counts.
    """
    if missing := {TS, INSTRUMENT, "open", "high", "low", "close"} - set(bars.columns):
        raise DataError(f"The bars lack {sorted(missing)}, of which the variance of a day is made.")
    day = trading_day(pd.DatetimeIndex(bars[TS]), market)
    level = bars["adj_close"] if "adj_close" in bars else bars["close"]
    if market.bar_minutes < 1440:
        wide = pd.DataFrame({"day": day, INSTRUMENT: bars[INSTRUMENT], TS: bars[TS], "level": np.log(level)})
        wide = wide.sort_values([INSTRUMENT, TS], kind="stable")
        wide["squared"] = wide.groupby(INSTRUMENT)["level"].diff() ** 2
        return wide.groupby(["day", INSTRUMENT])["squared"].sum(min_count=2).unstack(INSTRUMENT).sort_index()
    # A day whose bar is a point has moved by nothing that a range shows; its move over night still counts.
    opened, high, low, close = (np.log(bars[name]) for name in ("open", "high", "low", "close"))
    within = (high - opened) * (high - close) + (low - opened) * (low - close)
    table = pd.DataFrame({"day": day, INSTRUMENT: bars[INSTRUMENT], "within": within, "close": np.log(level)})
    table["opened"] = table["close"] - (close - opened)
    wide = table.set_index(["day", INSTRUMENT])
    night = (wide["opened"].unstack(INSTRUMENT) - wide["close"].unstack(INSTRUMENT).ffill().shift(1)) ** 2
    return (wide["within"].unstack(INSTRUMENT) + night.fillna(0.0)).sort_index()


def fit_har(variance: pd.DataFrame) -> HarModel | None:
    """Fit one regression for all instruments; None where there are fewer days than ``FEWEST_DAYS``."""
    if len(variance) < FEWEST_DAYS:
        return None
    log_variance = _log(variance)
    made, told = _regressors(log_variance), np.vstack([log_variance[1:], np.full((1, log_variance.shape[1]), np.nan)])
    design = np.stack([np.ones_like(told), *made], axis=-1)
    known = np.isfinite(told) & np.isfinite(design).all(axis=-1)
    if not known.any():
        return None
    rows, values = design[known], told[known]
    weights, *_ = np.linalg.lstsq(rows, values, rcond=None)
    rest = values - rows @ weights
    constant, day, week, month = (float(each) for each in weights)
    smearing, fitted_to = float(np.exp(rest).mean()), str(variance.index[-1].date())
    return HarModel(constant, day, week, month, smearing, fitted_to, int(known.sum()))


def tell_ahead(variance: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Walk forward: what the model and the naive rule would have said of each day, the day before.

    Returns:
        Variance of the model, and of the naive rule, day x instrument; the model is fitted anew every ``REFIT_DAYS`` on
        all days before, and NaN until the first fit.
    """
    log_variance = _log(variance)
    told = np.full(variance.shape, np.nan)
    for start in range(FEWEST_DAYS, len(variance), REFIT_DAYS):
        model = fit_har(variance.iloc[:start])
        if model is not None:
            stop = min(start + REFIT_DAYS, len(variance))
            begin = max(0, start - 1 - MONTH)
            said = model.forecast(log_variance[begin : stop - 1])
            told[start:stop] = said[start - 1 - begin :]
    naive = variance.clip(lower=SMALLEST).ewm(alpha=1.0 - DECAY, min_periods=MONTH).mean().shift(1)
    return pd.DataFrame(told, variance.index, variance.columns), naive


def judge_volatility(variance: pd.DataFrame) -> VolatilityVerdict:
    """Judge the model beside the naive rule, walking forward, and fit it on all days.

    A day has one value, the mean over instruments, so that instruments which move together are no witnesses of each
    other; the differences of days are tested by errors that hold when days depend on each other.
    """
    told, naive = tell_ahead(variance)
    seen = variance.clip(lower=SMALLEST)
    both = told.notna() & naive.notna() & variance.notna()
    if int(both.any(axis=1).sum()) < MONTH:
        return VolatilityVerdict(
            None, 0, *(None,) * 6, False, f"too few days: {len(variance)}, of which the first {FEWEST_DAYS} only teach"
        )
    qlike, naive_qlike = (_by_day(_qlike(seen, each), both) for each in (told, naive))
    mse, naive_mse = (_by_day((np.log(seen) - np.log(each)) ** 2, both) for each in (told, naive))
    test = hac_test(naive_qlike - qlike, 1)
    t = float(test.t[0])
    p = float(test.p_value[0]) / 2.0 if t > 0.0 else 1.0 - float(test.p_value[0]) / 2.0
    better, closer = p < LEVEL, float(mse.mean()) <= float(naive_mse.mean())
    reason = (
        f"QLIKE {qlike.mean():.4f} against {naive_qlike.mean():.4f} of the naive rule over {len(qlike)} days, t {t:.2f}"
        + ("" if better else f": not better by more than luck (p {p:.3f})")
        + ("" if closer else "; its squared error of log variance is larger")
    )
    return VolatilityVerdict(
        fit_har(variance),
        len(qlike),
        float(qlike.mean()),
        float(naive_qlike.mean()),
        t,
        p,
        float(mse.mean()),
        float(naive_mse.mean()),
        better and closer,
        reason,
    )


def _log(variance: pd.DataFrame) -> Matrix:
    return np.asarray(np.log(variance.clip(lower=SMALLEST)).to_numpy(float))


def _regressors(log_variance: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    table = pd.DataFrame(log_variance)
    week, month = (table.rolling(n, min_periods=max(1, n - n // 5)).mean().to_numpy() for n in (WEEK, MONTH))
    return table.ffill(limit=1).to_numpy(), week, month


def _qlike(seen: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    ratio = seen / told
    return ratio - np.log(ratio) - 1.0


def _by_day(loss: pd.DataFrame, known: pd.DataFrame) -> Vector:
    return np.asarray(loss.where(known).mean(axis=1).dropna().to_numpy(float))


def forecast_newest(variance: pd.DataFrame, verdict: VolatilityVerdict) -> pd.DataFrame:
    """How much each instrument is told to move on the next day.

    Args:
        variance: As :func:`daily_variance` gives it.
        verdict: Where the model was not promoted, the naive rule is in use.

    Returns:
        ``ts`` (the last day), ``instrument``, ``volatility`` (by the rule in use), ``model`` and ``naive``; instruments
        of which neither is known are left out.
    """
    naive = variance.clip(lower=SMALLEST).ewm(alpha=1.0 - DECAY, min_periods=MONTH).mean().iloc[-1]
    recent = _log(variance.iloc[-2 * MONTH :])
    told = verdict.model.forecast(recent)[-1] if verdict.model is not None else np.full(variance.shape[1], np.nan)
    alive = variance.iloc[-WEEK:].notna().any().to_numpy()
    table = pd.DataFrame(
        {
            TS: variance.index[-1],
            INSTRUMENT: variance.columns.astype(str),
            "volatility": np.sqrt(np.where(np.isfinite(told), told, naive) if verdict.promoted else naive),
            "model": np.sqrt(told),
            "naive": np.sqrt(naive.to_numpy()),
        }
    )
    return VOLATILITY_FORECAST.typed(table[alive & table["volatility"].notna().to_numpy()].reset_index(drop=True))
