"""Gold, computed on Spark."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.own_features import own_files
from finq_predictor.adapters.parted_table import PartedTable, part_file
from finq_predictor.adapters.spark.cutting import cut
from finq_predictor.adapters.spark.panel_files import write_panel
from finq_predictor.adapters.spark.session import SparkSettings, progress, session
from finq_predictor.adapters.spark.stages import Block, Counts, Job, by_date, by_instrument, drop_columns
from finq_predictor.domain.gold import Gold, Wanted
from finq_predictor.domain.panel import Panel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SparkEngine:
    """Computes gold on Spark: by instrument what compares nobody, then by date what compares instruments.

    Between both stages Spark moves what each block has for each slice, as matrices. The parts of gold are written by
    the workers, and never lie in the memory of the driver.

    Attributes:
        settings: Where and with how much it computes.
        place: Folder in which parts are made: on the disk on which they are stored, under a path that every worker has.
    """

    settings: SparkSettings
    place: Path

    def compute(self, panel: Panel, wanted: Wanted) -> Gold:
        """See :meth:`finq_predictor.domain.gold.Engine.compute`; the table is a :class:`PartedTable`.

        Raises:
            ConfigurationError: If Java or PySpark is missing, or the cluster cannot be reached.
            FeatureSetMismatchError: If a worker has other code than the driver.
        """
        context = session(self.settings).sparkContext
        self.place.mkdir(parents=True, exist_ok=True)
        # Named like all that is being written there: what a killed run leaves behind is removed by the next one.
        folder = Path(tempfile.mkdtemp(prefix=f".writing-{own_name()}-", dir=self.place)).resolve()
        # Whoever stores the parts removes it; where nobody does, as after a refused check, it goes with the process.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        try:
            return self._compute(context, panel, wanted, folder)
        finally:
            shutil.rmtree(folder / "panel", ignore_errors=True)

    def _compute(self, context: Any, panel: Panel, wanted: Wanted, folder: Path) -> Gold:
        names = wanted.feature_set.names
        cuts = cut(len(panel.ts), len(panel.instruments), len(names), len(panel.fields), self.settings.task_mb)
        logger.info(
            "%d features of %d instruments at %d bars: %d blocks of instruments, then %d slices of time, on %s",
            *(len(names), len(panel.instruments), len(panel.ts), len(cuts.blocks), len(cuts.slices)),
            self.settings.master,
        )
        (folder / "panel").mkdir()
        files = write_panel(panel, cuts, folder / "panel")
        job = context.broadcast(Job(files, cuts, wanted, folder, tuple(map(str, own_files()))))
        moved, counted = _move_by_slice(context, job, len(cuts.blocks), len(cuts.slices))
        with progress(context, f"features of {panel.market} by instrument"):
            first = context.runJob(moved, counted, [len(cuts.slices)])
        rows = sum(one.rows for one in first)
        known = {name: sum(one.known[name] for one in first) for name in (first[0].known if first else {})}
        # What is known too seldom of the first stage need not be written at all.
        rare = set(wanted.sparse(known, rows))
        kept = tuple(name for name in names if name not in rare)
        with progress(context, f"features of {panel.market} by date"):
            second = context.runJob(moved, _writer(job, kept), range(len(cuts.slices)))
        known |= {name: sum(one.known[name] for one in second if one.known) for name in second[0].known}
        left_out = wanted.sparse(known, rows)
        if more := [name for name in left_out if name in kept]:
            written = [part_file(folder, number) for number, one in enumerate(second) if one.rows]
            context.parallelize(written, len(written)).foreach(lambda file: drop_columns(file, more))
        job.destroy()
        lasts = [one.last for one in second if one.last is not None]
        peak = max(one.peak_mb for one in (*first, *second))
        logger.info("%d rows of %s on Spark; a task's process took %.0f MB at most", rows, panel.market, peak)
        return Gold(PartedTable(folder, rows, max(lasts, default=None)), left_out)


def _move_by_slice(
    context: Any, job: Any, blocks: int, slices: int
) -> tuple[Any, Callable[[Iterable[tuple[int, Counts]]], list[Counts]]]:
    """What the first stage makes, where the second one needs it: a partition is a slice, the last one has the counts.

    Spark computes the first stage when it is first asked for a partition, and keeps what it has moved.
    """
    made = context.parallelize(range(blocks), blocks).flatMap(lambda number: by_instrument(job.value, number))
    moved = made.partitionBy(slices + 1, lambda number: number)

    def counted(pairs: Iterable[tuple[int, Counts]]) -> list[Counts]:
        return [counts for _, counts in pairs]

    return moved, counted


def _writer(job: Any, kept: tuple[str, ...]) -> Callable[[Iterable[tuple[int, Block]]], list[Counts]]:
    def write(pairs: Iterable[tuple[int, Block]]) -> list[Counts]:
        from pyspark import TaskContext

        return [by_date(job.value, TaskContext.get().partitionId(), _blocks(pairs), kept)]

    return write


def _blocks(pairs: Iterable[tuple[int, Block]]) -> Iterator[Block]:
    return (block for _, block in pairs)
