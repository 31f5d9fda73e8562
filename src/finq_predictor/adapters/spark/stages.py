"""What a worker does: first for some instruments over all of time, then for some time over all instruments.

Nothing is computed here: both stages call what computes gold on one machine, on a part of the panel on which it gives
the same values, bit by bit.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.parted_table import part_file, write_part
from finq_predictor.adapters.spark.cutting import Cut
from finq_predictor.adapters.spark.panel_files import PanelFiles
from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import FeatureSetMismatchError
from finq_predictor.domain.features import FeatureSet, compute_features, make_feature_set
from finq_predictor.domain.gold import Wanted
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.panel import CROSS_SECTION, Panel

KEYS = (TS, INSTRUMENT)


@dataclass(frozen=True)
class Block:
    """What the first stage made of one block for one slice.

    Attributes:
        start: Position of the block's first instrument.
        stop: Position after its last one.
        features: (k, n) float32, the features that compare nobody, in their order.
        labels: Of the same n rows, by column.
    """

    start: int
    stop: int
    features: Matrix
    labels: dict[str, np.ndarray]


@dataclass(frozen=True)
class Counts:
    """How many rows there are, on how many of them each feature is known, and what it took.

    Attributes:
        rows: The rows.
        known: Rows on which a feature is known, by its name.
        last: The last bar that has a row, if any.
        peak_mb: Most memory that the process of the task has had.
    """

    rows: int
    known: dict[str, int]
    last: pd.Timestamp | None
    peak_mb: float


@dataclass(frozen=True)
class Job:
    """Everything that a task needs to know; it travels once to each worker.

    Attributes:
        files: The panel.
        cut: Blocks and slices.
        wanted: What gold is to hold.
        target: Folder of the parts.
        own: Files of features of the user's own.
    """

    files: PanelFiles
    cut: Cut
    wanted: Wanted
    target: Path
    own: tuple[str, ...] = ()

    @property
    def alone(self) -> FeatureSet | None:
        """The features that compare nobody."""
        return self._those(compares=False)

    @property
    def together(self) -> FeatureSet | None:
        """The features that compare instruments."""
        return self._those(compares=True)

    def _those(self, compares: bool) -> FeatureSet | None:
        specs = [spec for spec in self.wanted.feature_set.specs() if (CROSS_SECTION in spec.inputs) is compares]
        return make_feature_set(specs) if specs else None


def by_instrument(job: Job, number: int) -> Iterator[tuple[int, Block | Counts]]:
    """Compute what compares nobody, and the labels, for one block; all of time is there, so nothing has to be added.

    Yields:
        Slice and what it gets of the block; at last, under the number after the last slice, the counts.
    """
    _prepare(job)
    start, stop = job.cut.blocks[number]
    panel = job.files.block(number)
    ours = job.alone
    names = ours.names if ours else ()
    features = compute_features(panel, ours, dtype="float32", threads=1) if ours else None
    labels = make_labels(panel, job.wanted.market, job.wanted.horizons)
    rows = _rows_of(panel)
    matrix = np.empty((0, len(rows)), "float32") if features is None else features[[*names]].to_numpy().T
    columns = {str(name): _bare(labels[name]) for name in labels if name not in KEYS}
    for place, (first, last) in enumerate(job.cut.slices):
        here = slice(*np.searchsorted(rows, [first, last]))
        if here.start < here.stop:
            part = {name: values[here] for name, values in columns.items()}
            yield place, Block(start, stop, np.ascontiguousarray(matrix[:, here]), part)
    known = (~np.isnan(matrix)).sum(axis=1)
    yield (
        len(job.cut.slices),
        Counts(len(rows), dict(zip(names, map(int, known), strict=True)), None, _peak_mb()),
    )


def by_date(job: Job, number: int, blocks: Iterable[Block], kept: tuple[str, ...]) -> Counts:
    """Compute what compares instruments for one slice, join what the first stage made, and write the part of gold.

    Args:
        job: The job.
        number: The slice.
        blocks: What the first stage made for it.
        kept: The features that the part has, in order.
    """
    _prepare(job)
    first, last = job.cut.slices[number]
    ours = job.together
    names = ours.names if ours else ()
    # What decides the first bar of the slice lies before it.
    before = max(0, first - (ours.lookback if ours else 1) + 1)
    panel = job.files.span(before, last, {*(ours.inputs if ours else ()), "close", "member"})
    wanted = panel.rows(first - before, last - before)
    row, column = np.nonzero(wanted.universe)
    if not len(row):
        return Counts(0, dict.fromkeys(names, 0), None, _peak_mb())
    place = {name: position for position, name in enumerate(kept)}
    values = np.empty((len(kept), len(row)), "float32")
    known = {}
    if ours:
        features = compute_features(panel, ours, at=wanted.ts, dtype="float32", threads=1)
        known = {name: int(features[name].notna().sum()) for name in names}
        for name in names:
            values[place[name]] = features[name].to_numpy()
        del features
    labels = _fill(job, blocks, column, place, values)
    frame = pd.DataFrame(values.T, columns=pd.Index(kept, dtype="str"), copy=False)
    frame.insert(0, TS, wanted.ts[row])
    frame.insert(1, INSTRUMENT, pd.array(list(wanted.instruments), dtype="str").take(column))
    write_part(part_file(job.target, number), pd.concat([frame, labels], axis=1))
    return Counts(len(row), known, wanted.ts[row[-1]], _peak_mb())


def _fill(job: Job, blocks: Iterable[Block], column: np.ndarray, place: dict[str, int], values: Matrix) -> pd.DataFrame:
    """Put the blocks where their instruments are; the labels come back as a frame of their own."""
    ours = job.alone
    positions = [(number, place[name]) for number, name in enumerate(ours.names if ours else ()) if name in place]
    labels: dict[str, np.ndarray] = {}
    filled = 0
    for block in blocks:
        here = np.flatnonzero((column >= block.start) & (column < block.stop))
        for source, target in positions:
            values[target, here] = block.features[source]
        for name, part in block.labels.items():
            labels.setdefault(name, np.empty(len(column), part.dtype))[here] = part
        filled += len(here)
    if filled != len(column):
        raise RuntimeError(f"The blocks have {filled:,} rows of a slice that has {len(column):,}.")
    frame = pd.DataFrame(labels)
    times = frame.select_dtypes("datetime").columns
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC") for name in times})


def _rows_of(panel: Panel) -> np.ndarray:
    row, _ = np.nonzero(panel.universe)
    return row


def _bare(values: pd.Series) -> np.ndarray:
    """Without the zone, which NumPy has not; it is UTC, and comes back at the end."""
    bare: np.ndarray = (values.dt.tz_localize(None) if hasattr(values.dtype, "tz") else values).to_numpy()
    return bare


def _prepare(job: Job) -> None:
    _know(job.wanted.feature_set, job.own)


@lru_cache(maxsize=4)
def _know(feature_set: FeatureSet, own: tuple[str, ...]) -> None:
    """Load the user's features, and refuse to compute anything with other code than the driver's."""
    from finq_predictor.adapters.own_features import any_own, load_own_features

    if own or any_own():
        load_own_features(map(Path, own), held_to_laws=False)
    try:
        feature_set.verify()
    except FeatureSetMismatchError as error:
        raise FeatureSetMismatchError(
            f"A worker of Spark has other code than the driver. {error} Install the driver's version of the product on "
            "every worker."
        ) from error


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def drop_columns(file: Path, names: Iterable[str]) -> Any:
    """Write a part again without some features."""
    frame = pd.read_parquet(file)
    write_part(file, frame.drop(columns=list(names)))
