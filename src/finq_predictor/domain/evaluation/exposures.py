"""What moves many instruments at once, and what happened to each of them beyond that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Matrix, Positions, Vector
from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, KNOWN_AT, SECTOR, TS, VOLUME
from finq_predictor.domain.errors import ConfigurationError, closest
from finq_predictor.domain.evaluation.metrics import grouped_ranks
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel, build_panel

NEUTRAL_RETURN = "neutral_return"
_READ = (TS, INSTRUMENT, "close", ADJ_CLOSE, VOLUME, SECTOR, KNOWN_AT)
_STYLES = ("beta", "volatility", "size", "momentum")
KNOWN_EXPOSURES = (*_STYLES, "components", "sector")
_RECENT = 60
_SKIPPED = 20
_FEWEST_KNOWN = 0.8
_ROWS_PER_EXPOSURE = 5
"""A bar has at most one exposure for so many instruments: with more, little of what happened would be left."""


@dataclass(frozen=True)
class ExposureRules:
    """Which exposures are taken out of what happened.

    Attributes:
        exposures: In the order in which a bar of few instruments takes them: ``beta`` to the mean of all instruments,
            ``volatility`` of the last 60 bars, ``size`` as the value traded, ``momentum`` of the window without its
            last 20 bars, ``components`` of the correlations between returns, ``sector``. Empty takes nothing out.
        window: Bars that exposures are estimated from.
        refreshed: Bars after which they are estimated anew.
        most_components: Components at most; how many there are is decided by chance correlations, see
            :func:`count_components`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    exposures: tuple[str, ...] = ()
    window: int = 250
    refreshed: int = 20
    most_components: int = 20

    def __post_init__(self) -> None:
        """Refuse exposures that there are not, and windows that show nothing."""
        for name in self.exposures:
            if name not in KNOWN_EXPOSURES:
                raise ConfigurationError(f"There is no exposure {name!r}. {closest(name, KNOWN_EXPOSURES)}")
        if self.window < 2 * _RECENT:
            raise ConfigurationError(f"window is {self.window} bars; exposures need at least {2 * _RECENT}.")
        if self.refreshed < 1 or self.most_components < 0:
            raise ConfigurationError(
                f"refreshed is {self.refreshed} and most_components {self.most_components}; expected at least 1 bar "
                "and no negative number."
            )


@dataclass(frozen=True)
class _Block:
    """Exposures of one kind at one time.

    Attributes:
        values: (N, k), 0 where nothing is known.
        whole: Whether all of them count or none; of others the first come first.
    """

    values: Matrix
    whole: bool = False


def neutral_returns(outcomes: pd.DataFrame, bars: pd.DataFrame, rules: ExposureRules, market: Market) -> pd.DataFrame:
    """What happened to each instrument beyond what its exposures explain, among the instruments of the bar.

    The ranks of the outcomes of a bar are regressed on exposures that were known at that bar; what is left is the
    neutral return. A score that knows nothing but how volatile a stock is, or in which industry, is uncorrelated with
    it; one that knows something of the stock itself loses nothing, and what is measured is rid of the noise that all
    stocks of a kind share. It is a measure, and no portfolio: what a model earns is told by trading it.

    Args:
        outcomes: ``ts``, ``instrument``, ``forward_return``; rows without an outcome are left out.
        bars: Silver bars of the same market, from before the first outcome on.
        rules: Which exposures.
        market: The market.

    Returns:
        ``ts``, ``instrument``, ``neutral_return``: centred ranks in units of the number of instruments, from -0.5 to
        0.5 and somewhat beyond. Where nothing is known of an instrument it counts as average; a bar before the first
        window, or of fewer than five instruments, has its centred ranks.

    Reference: Connor and Korajczyk (1988) for components as factors; Grinold and Kahn (2000) for residual returns.
    """
    from threadpoolctl import threadpool_limits

    known = outcomes.loc[outcomes["forward_return"].notna(), [TS, INSTRUMENT, "forward_return"]].reset_index(drop=True)
    codes, times = pd.factorize(known[TS], sort=True)
    ranks = grouped_ranks(known["forward_return"].to_numpy(float), codes)
    counts = np.bincount(codes, minlength=len(times))
    neutral = ((ranks - 0.5) / counts[codes] - 0.5) if len(known) else np.zeros(0)
    if rules.exposures and len(known):
        order = np.argsort(codes, kind="stable")
        rows_of = np.split(order, np.cumsum(counts)[:-1])
        panel = build_panel(bars[[name for name in _READ if name in bars.columns]], market)
        places = pd.Index(panel.instruments).get_indexer(pd.Index(known[INSTRUMENT].astype("str")))
        # Small matrices: threads of the linear algebra wait for each other longer than they compute.
        with threadpool_limits(limits=1):
            for bar, exposures in _exposures(panel, pd.DatetimeIndex(times), rules):
                rows = rows_of[bar]
                neutral[rows] = _beyond(neutral[rows], exposures, places[rows])
    return pd.DataFrame({TS: known[TS].array, INSTRUMENT: known[INSTRUMENT].array, NEUTRAL_RETURN: neutral})


def join_neutral(predictions: pd.DataFrame, neutral: pd.DataFrame) -> pd.DataFrame:
    """Put what happened beyond the exposures beside predictions; missing where no outcome is known.

    Args:
        predictions: ``ts``, ``instrument`` and more, in any order, several models one after the other as well.
        neutral: As :func:`neutral_returns` gives it, of one horizon.
    """
    times, names = pd.Index(neutral[TS].unique()), pd.Index(neutral[INSTRUMENT].unique())
    # A row and a column more than there are, for what is not found.
    values = np.full((len(times) + 1, len(names) + 1), np.nan)
    values[times.get_indexer(neutral[TS]), names.get_indexer(neutral[INSTRUMENT])] = neutral[NEUTRAL_RETURN]
    found = values[times.get_indexer(predictions[TS]), names.get_indexer(predictions[INSTRUMENT])]
    return predictions.assign(**{NEUTRAL_RETURN: found})


def count_components(variances: Vector, instruments: int, window: int, most: int) -> int:
    """How many components of a correlation matrix are more than chance.

    Returns that have nothing in common still correlate in a sample: the largest variance of a component is then
    ``(1 + sqrt(instruments / window)) ** 2``, and only what lies above is taken for common.

    Args:
        variances: Eigenvalues of the correlation matrix, descending.
        instruments: How many there are.
        window: Bars that the correlations were estimated from.
        most: At most so many.

    Reference: Marchenko and Pastur (1967); Laloux, Cizeau, Bouchaud and Potters (1999).
    """
    chance = (1.0 + np.sqrt(instruments / window)) ** 2
    return int(min((variances > chance).sum(), most))


def _exposures(panel: Panel, wanted: pd.DatetimeIndex, rules: ExposureRules) -> Iterator[tuple[int, list[_Block]]]:
    """For each wanted bar with a whole window before it: its number and its exposures, the first first."""
    price = panel.fields["close"]
    returns = np.full(price.shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns[1:] = np.log(price[1:] / price[:-1])
    at = panel.ts.get_indexer(wanted.astype(panel.ts.dtype))
    estimated, found = -1, list[_Block]()
    for bar, row in enumerate(at):
        # Estimated at fixed bars of the calendar of prices, so that other outcomes change nothing.
        last = (row // rules.refreshed) * rules.refreshed
        if row < 0 or last < rules.window:
            continue
        if last != estimated:
            found, estimated = _estimate(panel, returns, last, rules), last
        yield bar, found


def _estimate(panel: Panel, returns: Matrix, last: int, rules: ExposureRules) -> list[_Block]:
    """Exposures as known at the close of bar ``last``, in the order of the rules."""
    past = returns[last - rules.window + 1 : last + 1]
    there = np.isfinite(past)
    enough = there.mean(axis=0) >= _FEWEST_KNOWN
    filled = np.where(there, past, 0.0)
    together = filled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    blocks: list[_Block] = []
    for name in rules.exposures:
        if name == "components":
            blocks.append(_Block(_components(filled, enough, rules)))
        elif name == "sector":
            blocks.extend(_sectors(panel, last))
        else:
            values = _style(name, panel, filled, together, last)
            blocks.append(_Block(_scaled(np.where(enough, values, np.nan))))
    return blocks


def _style(name: str, panel: Panel, filled: Matrix, together: Vector, last: int) -> Vector:
    if name == "beta":
        moved = together - together.mean()
        slope: Vector = moved @ filled / max(float(moved @ moved), 1e-30)
        return slope
    if name == "volatility":
        return np.asarray(filled[-_RECENT:].std(axis=0))
    if name == "momentum":
        return np.asarray(filled[:-_SKIPPED].sum(axis=0))
    if VOLUME not in panel.fields:
        return np.full(filled.shape[1], np.nan)
    recent = slice(last - _RECENT + 1, last + 1)
    traded = panel.fields[VOLUME][recent] * panel.fields["close"][recent]
    known = np.isfinite(traded) & (traded > 0.0)
    value = np.where(known, traded, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), value, np.nan)


def _scaled(values: Vector) -> Matrix:
    """Ranks from -0.5 to 0.5, the average where nothing is known."""
    there = np.isfinite(values)
    ranks = np.zeros(len(values))
    if there.any():
        count = int(there.sum())
        ranks[there] = (grouped_ranks(values[there], np.zeros(count, dtype=np.intp)) - 0.5) / count - 0.5
    return ranks[:, None]


def _components(filled: Matrix, enough: Array, rules: ExposureRules) -> Matrix:
    from scipy.linalg import eigh

    window, size = len(filled), int(enough.sum())
    loadings = np.zeros((filled.shape[1], 0))
    if size < 2 or not rules.most_components:
        return loadings
    moved = filled[:, enough] - filled[:, enough].mean(axis=0)
    spread = moved.std(axis=0)
    moved = moved / np.where(spread > 0.0, spread, 1.0)
    # By bars or by instruments, whichever are fewer: both have the same variances.
    small = moved @ moved.T if window <= size else moved.T @ moved
    highest = [max(len(small) - rules.most_components, 0), len(small) - 1]
    variances, vectors = eigh(small / window, subset_by_index=highest)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    count = count_components(variances, size, window, rules.most_components)
    chosen = moved.T @ vectors[:, :count] if window <= size else vectors[:, :count]
    loadings = np.zeros((filled.shape[1], count))
    loadings[enough] = chosen / np.maximum(np.linalg.norm(chosen, axis=0), 1e-30)
    return loadings


def _sectors(panel: Panel, last: int) -> list[_Block]:
    if SECTOR not in panel.fields:
        return []
    codes = pd.DataFrame(panel.fields[SECTOR][: last + 1]).ffill().to_numpy()[-1]
    named = np.unique(codes[np.isfinite(codes)])
    # One of them is what the constant says already.
    flags = (codes[:, None] == named[None, 1:]).astype(float)
    return [_Block(flags, whole=True)] if len(named) > 1 else []


def _beyond(ranks: Vector, blocks: list[_Block], places: Positions) -> Vector:
    """What is left of centred ranks after a regression on as many exposures as their number allows."""
    room = len(ranks) // _ROWS_PER_EXPOSURE
    columns = [np.ones((len(ranks), 1))]
    for block in blocks:
        width = block.values.shape[1]
        if width > room:
            width = 0 if block.whole else room
        room -= width
        columns.append(np.where(places[:, None] >= 0, block.values[places, :width], 0.0))
    basis, weights, _ = np.linalg.svd(np.concatenate(columns, axis=1), full_matrices=False)
    basis = basis[:, weights > 1e-10 * weights[0]]
    left: Vector = ranks - basis @ (basis.T @ ranks)
    return left
