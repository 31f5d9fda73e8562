"""Study a feature before it is one: a function out of a notebook, held to the laws and measured, and then let go."""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, SECTOR, TS
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.evaluation.feature_validation.clusters import rank_correlation
from finq_predictor.domain.evaluation.feature_validation.validating import validate_features
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import FeatureFunction, FeatureSpec, features_of
from finq_predictor.domain.features.audit import audit_look_ahead, certify_lookback
from finq_predictor.domain.features.laws import LAWS, BrokenLaw, laws
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.splits import sealed_from
from finq_predictor.domain.panel import Panel
from finq_predictor.domain.tables import GOLD
from finq_predictor.reports.feature_study_plot import study_plot
from finq_predictor.reports.figures import Figure, Image

SEALED_SHARE = 0.15
"""Of the last bars, which are not looked at where no folds say where the sealed window begins."""
MOST_ROWS = 20_000
ALIKE = 8


@dataclass(frozen=True)
class FeatureStudy:
    """What a study found.

    Attributes:
        specs: The features that the function is, one per window.
        laws: One row per feature and law: ``feature, law, kept, seen``.
        table: What each is worth alone, see the table ``feature_validation``; p-values are adjusted for what was
            studied here only, not for all that was tried before.
        stability: By year, and by sector or instrument, see ``feature_stability``.
        alike: Rank correlation with the features that are there, the largest first: ``feature, other, correlation``.
        figure: All of it, drawn.
    """

    specs: tuple[FeatureSpec, ...]
    laws: pd.DataFrame
    table: pd.DataFrame
    stability: pd.DataFrame
    alike: pd.DataFrame
    figure: Figure

    @property
    def lawful(self) -> bool:
        """Whether every law is kept."""
        return bool(self.laws["kept"].all())

    def _repr_html_(self) -> str:
        image = Image.of(self.figure)
        shown = [("Laws", self.laws), ("Worth alone", self.table), ("Says the same as", self.alike)]
        tables = "".join(f"<h4>{html.escape(title)}</h4>{table.to_html(index=False)}" for title, table in shown)
        return f'{tables}<img src="{image.uri}" width="{image.width}" height="{image.height}">'


def study(
    function: FeatureFunction,
    panel: Panel,
    *,
    gold: pd.DataFrame | None = None,
    folds: pd.DataFrame | None = None,
    windows: Sequence[int | tuple[int, ...]] = (),
    horizons: tuple[int, ...] = (),
    cuts: int = 3,
) -> FeatureStudy:
    """Hold a function to the laws, and say what it is worth alone; nothing is registered.

    Args:
        function: Decorated with ``feature``; or a plain one, whose inputs and lookback are then found by trying.
        panel: Bars and what was known beside them.
        gold: A gold frame with the features that are there, to say which of them are like it.
        folds: Gap table of the training, which says where the sealed window begins; without it the last 15 % of the
            bars are not looked at.
        windows: Windows of a plain function; a decorated one has its own.
        horizons: Horizons in bars; empty takes those of the market.
        cuts: Bars at which the data are cut to look for what looks ahead.

    Returns:
        The study.

    Raises:
        ConfigurationError: If it takes no bars, or windows are given for a decorated function.
        DataError: If the panel lacks what it reads, or has too few bars.
    """
    market = get_market(panel.market)
    if len(panel.ts) < 2 * cuts + 2:
        raise DataError(f"The panel of {panel.market} has {len(panel.ts)} bars, which is too few to study anything.")
    until = _sealed(panel, folds)
    before = panel.rows(0, int(panel.ts.searchsorted(until)))
    at = _cuts(before, cuts)
    specs = _specs(function, before, windows, at)
    names = tuple(spec.name for spec in specs)
    wanted = {name for spec in specs for name in spec.inputs}
    if absent := sorted(wanted - set(panel.available) - set(panel.fields)):
        raise DataError(f"The panel of {panel.market} lacks {', '.join(absent)}, which {names[0]!r} reads.")
    frame = _frame(specs, panel)
    outcomes = make_labels(panel, market, horizons or market.horizons).drop(columns=[TS, INSTRUMENT])
    found = validate_features(
        pd.concat([frame, outcomes], axis=1),
        names,
        market,
        horizons=horizons,
        sealed_from=until,
        sectors=_sectors(panel, frame),
        threads=1,
    )
    alike = _alike(frame[frame[TS] < until], names, gold)
    return FeatureStudy(
        specs,
        _laws(specs, before, at),
        found.features,
        found.stability,
        alike,
        study_plot(found, alike, market),
    )


def _sealed(panel: Panel, folds: pd.DataFrame | None) -> pd.Timestamp:
    known = None if folds is None else sealed_from(folds)
    return panel.ts[int(len(panel.ts) * (1.0 - SEALED_SHARE))] if known is None else known


def _cuts(panel: Panel, cuts: int) -> list[pd.Timestamp]:
    later = np.flatnonzero(panel.universe.any(axis=1))
    later = later[later >= len(panel.ts) // 2]
    if not len(later):
        raise DataError(f"Nobody is asked about in the later half of the panel of {panel.market} before the seal.")
    return [panel.ts[place] for place in np.unique(np.linspace(later[0], later[-1], cuts).astype(int))]


# What the function is -------------------------------------------------------------------------------------------------


def _specs(
    function: FeatureFunction, panel: Panel, windows: Sequence[int | tuple[int, ...]], at: Sequence[pd.Timestamp]
) -> tuple[FeatureSpec, ...]:
    known = features_of(function)
    if known and windows:
        raise ConfigurationError(f"{function.__name__!r} says its windows itself; leave them out.")
    if known:
        return tuple(replace(spec, market=panel.market) for spec in known)
    if not inspect.signature(function).parameters:
        raise ConfigurationError(
            f"{function.__name__!r} takes nothing; a feature takes the bars, and then its windows: def f(bars, n)."
        )
    made = []
    for window in windows or ((),):
        values = window if isinstance(window, tuple) else (window,)
        made.append(_tried(function, values, panel, at))
    return tuple(made)


def _tried(function: FeatureFunction, window: tuple[int, ...], panel: Panel, at: Sequence[pd.Timestamp]) -> FeatureSpec:
    """What a plain function is, found by trying: the fields that it reads, and the bars that decide it."""
    fields = _Watched(panel.fields)
    watched = replace(panel, fields=fields)
    fields.read.clear()
    spec = FeatureSpec(
        name="_".join([function.__name__, *map(str, window)]),
        family="notebook",
        inputs=(),
        window=window,
        lookback=1,
        unit="",
        source="",
        description=(inspect.getdoc(function) or "").partition("\n")[0],
        needs=(),
        function=function,
        arguments=window,
        market=panel.market,
    )
    with np.errstate(all="ignore"):
        spec.compute(Bars(watched))
    spec = replace(spec, inputs=tuple(sorted(fields.read)))
    return replace(spec, lookback=_lookback(spec, panel, at))


def _lookback(spec: FeatureSpec, panel: Panel, at: Sequence[pd.Timestamp]) -> int:
    """Fewest bars that give the same values at the cuts; all bars where none do."""

    def enough(bars: int) -> bool:
        return bool(certify_lookback(panel, [replace(spec, lookback=bars)], at)["sufficient"].item())

    most = panel.position(at[0]) + 1
    high = 1
    while high < most and not enough(high):
        high = min(2 * high, most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


class _Watched(Mapping[str, Matrix]):
    """Fields of a panel, which remember who was asked for."""

    def __init__(self, fields: Mapping[str, Matrix]) -> None:
        self._fields, self.read = fields, set[str]()

    def __getitem__(self, name: str) -> Matrix:
        self.read.add(name)
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


# What is found --------------------------------------------------------------------------------------------------------


def _laws(specs: Sequence[FeatureSpec], panel: Panel, at: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """The laws on the bars that are studied, and those of the house on bars that are made up for them."""
    ahead = audit_look_ahead(panel, specs, at).set_index("feature")
    lookback = certify_lookback(panel, specs, at).set_index("feature")
    rows: list[tuple[str, str, bool, str]] = []
    for spec in specs:
        leak, bars = ahead.loc[spec.name], lookback.loc[spec.name]
        seen = f"first at {leak['first_leak']}" if leak["leaks"] else f"the same at {len(at)} cuts"
        rows.append((spec.name, "knows nothing of later bars", not leak["leaks"], seen))
        told = f"{spec.lookback} bars" + ("" if bars["necessary"] else ", and fewer would do")
        rows.append((spec.name, "is decided by the bars that it declares", bool(bars["sufficient"]), told))
        with np.errstate(all="ignore"):
            endless = int(np.isinf(spec.compute(Bars(panel))).sum())
        rows.append((spec.name, "is never infinite", endless == 0, f"{endless} values"))
        rows += _of_the_house(spec)
    return pd.DataFrame(rows, columns=["feature", "law", "kept", "seen"])


def _of_the_house(spec: FeatureSpec) -> list[tuple[str, str, bool, str]]:
    """Every law that ours are held to, on bars that are made up for it."""
    found = {broken.law: broken for broken in reversed(laws(spec))}
    return [
        (spec.name, law.says, name not in found, _seen(found[name]) if name in found else "the same on made-up bars")
        for name, law in LAWS.items()
    ]


def _seen(broken: BrokenLaw) -> str:
    return f"{broken.market}, given {broken.given}: {broken.seen}"


def _frame(specs: Sequence[FeatureSpec], panel: Panel) -> pd.DataFrame:
    row, column = np.nonzero(panel.universe)
    bars = Bars(panel)
    with np.errstate(all="ignore"):
        values = np.array([np.broadcast_to(spec.compute(bars), panel.universe.shape)[row, column] for spec in specs])
    names = np.array(panel.instruments, dtype=object)
    frame = pd.DataFrame(
        np.where(np.isfinite(values), values, np.nan).T.astype(np.float32), columns=[spec.name for spec in specs]
    )
    frame.insert(0, TS, panel.ts[row])
    frame.insert(1, INSTRUMENT, pd.array(names[column], dtype="str"))
    return frame


def _sectors(panel: Panel, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Sectors by the numbers that a panel gives them."""
    if SECTOR not in panel.fields:
        return None
    codes = pd.Series(np.broadcast_to(panel.fields[SECTOR], panel.universe.shape)[panel.universe])
    told = codes.map(lambda code: f"sector {code:.0f}", na_action="ignore")
    return frame[[TS, INSTRUMENT]].assign(sector=told.to_numpy())


def _alike(frame: pd.DataFrame, names: Sequence[str], gold: pd.DataFrame | None) -> pd.DataFrame:
    empty: dict[str, Any] = {"feature": "str", "other": "str", "correlation": "float64"}
    if gold is None:
        return pd.DataFrame(columns=list(empty)).astype(empty)
    pattern = GOLD.column("any feature")
    others = [name for name in map(str, gold.columns) if GOLD.column(name) == pattern and name not in names]
    both = frame.merge(gold[[TS, INSTRUMENT, *others]], on=[TS, INSTRUMENT], how="inner")
    if both.empty:
        raise DataError("The gold frame and the panel have no row in common; load both of one run.")
    used = both.iloc[:: max(1, len(both) // MOST_ROWS)]
    found = rank_correlation(used[[*names, *others]].to_numpy(np.float32))[: len(names), len(names) :]
    table = pd.DataFrame(found.T, index=others, columns=list(names)).melt(ignore_index=False).reset_index()
    table = table.set_axis(["other", "feature", "correlation"], axis=1)[list(empty)].astype(empty)
    order = table["correlation"].abs().sort_values(ascending=False, kind="stable").index
    return table.reindex(order).groupby("feature", sort=False).head(ALIKE).reset_index(drop=True)
