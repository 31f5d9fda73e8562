"""What a worker refuses, and what it gives where there is nothing to give; no Spark is needed to ask it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spark_cases import CASES

from finq_predictor.adapters.parted_table import part_file
from finq_predictor.adapters.spark.cutting import Cut
from finq_predictor.adapters.spark.panel_files import write_panel
from finq_predictor.adapters.spark.stages import Block, Job, by_date, by_instrument, drop_columns
from finq_predictor.adapters.spark.training import Window
from finq_predictor.adapters.spark.training import _cuts as cuts_of
from finq_predictor.domain.errors import FeatureSetMismatchError
from finq_predictor.domain.features import make_feature_set, select_features
from finq_predictor.domain.gold import InProcess, Wanted
from finq_predictor.domain.modelling.splits import fold_masks


def make_job(folder: Path, families: tuple[str, ...]) -> Job:
    case = CASES["every_equity"]
    panel = case.panel()
    specs = select_features(case.of, panel.available, families)
    # Several slices begin later than the longest lookback, so that what lies before them counts.
    edges = [*range(0, len(panel.ts), 70), len(panel.ts)]
    cuts = Cut(((0, 1), (1, 4), (4, len(panel.instruments))), tuple(pairwise(edges)))
    wanted = Wanted(case.of, make_feature_set(specs), (1, 5), 0.5)
    return Job(write_panel(panel, cuts, folder), cuts, wanted, folder)


def run(job: Job, backwards: bool = False) -> int:
    """Both stages, as Spark would bring them together."""
    slices: dict[int, list[Block]] = {}
    for number in range(len(job.cut.blocks)):
        for place, made in by_instrument(job, number):
            if isinstance(made, Block):
                slices.setdefault(place, []).append(made)
    if backwards:
        slices = {place: blocks[::-1] for place, blocks in slices.items()}
    names = job.wanted.feature_set.names
    return sum(by_date(job, number, slices.get(number, []), names).rows for number in range(len(job.cut.slices)))


@pytest.mark.parametrize("families", [("trend",), ("cross_section",), ("trend", "cross_section")])
def test_either_kind_of_features_may_be_absent(tmp_path, families):
    job = make_job(tmp_path, families)
    assert run(job) == int(CASES["every_equity"].panel().universe.sum())


def test_both_stages_make_what_one_machine_makes_whatever_brings_them_together(tmp_path):
    """Blocks arrive in any order; slices are computed alone."""
    job = make_job(tmp_path, ("trend", "cross_section", "residual", "regime"))
    run(job, backwards=True)
    case = CASES["every_equity"]
    expected = InProcess().compute(case.panel(), replace(job.wanted, min_known_share=1e-9)).table
    found = pd.concat(map(pd.read_parquet, sorted(tmp_path.glob("part-*"))), ignore_index=True)
    assert len(list(tmp_path.glob("part-*"))) > 1
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_other_code_on_a_worker_is_refused(tmp_path):
    job = make_job(tmp_path, ("trend",))
    other = replace(job.wanted, feature_set=replace(job.wanted.feature_set, definitions_hash="0" * 64))
    with pytest.raises(FeatureSetMismatchError, match=r"other code than the driver.*Install the driver's version"):
        next(by_instrument(replace(job, wanted=other), 0))


def test_a_block_that_is_lost_is_noticed(tmp_path):
    job = make_job(tmp_path, ("trend",))
    with pytest.raises(RuntimeError, match="have 0 rows of a slice"):
        by_date(job, 0, [], job.wanted.feature_set.names)


def test_a_task_that_is_tried_again_writes_the_same(tmp_path):
    job = make_job(tmp_path, ("cross_section",))
    run(job)
    files = sorted(tmp_path.glob("part-*"))
    first = [file.read_bytes() for file in files]
    run(job)
    assert [file.read_bytes() for file in files] == first
    assert not list(tmp_path.glob(".*")), "nothing half written is left"


def test_columns_are_dropped_from_a_part(tmp_path):
    job = make_job(tmp_path, ("cross_section",))
    run(job)
    file = part_file(tmp_path, 0)
    whole = pd.read_parquet(file)
    drop_columns(file, ["rank_ret_5"])
    pd.testing.assert_frame_equal(pd.read_parquet(file), whole.drop(columns="rank_ret_5"), check_exact=True)


# What workers of a training get ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 3, 10])
@pytest.mark.parametrize("rows", [[5] * 10, [100, *[1] * 20], [1] * 20 + [100], [1] * 10 + [100] + [1] * 10])
def test_every_worker_gets_a_stretch_of_bars_and_none_is_idle(rows, workers):
    counted = pd.Series(rows, index=pd.date_range("2020-01-01", periods=len(rows), tz="UTC"))
    cuts = cuts_of(counted, workers)
    parts = sum((np.asarray(counted.index >= cut, int) for cut in cuts), np.zeros(len(rows), int))
    assert sorted(set(parts)) == list(range(workers))
    assert (np.diff(parts) >= 0).all()
    shares = pd.Series(counted.to_numpy()).groupby(parts).sum()
    if len(set(rows)) == 1:
        assert shares.max() <= 2 * shares.min()


def test_a_window_is_that_of_the_fold():
    gap = pd.Series(
        {
            "train_start": pd.Timestamp("2021-01-01", tz="UTC"),
            "train_end": pd.Timestamp("2021-01-05", tz="UTC"),
            "label_end_max": pd.Timestamp("2021-01-08", tz="UTC"),
            "test_start": pd.Timestamp("2021-01-11", tz="UTC"),
            "test_end": pd.Timestamp("2021-01-12", tz="UTC"),
        }
    )
    ts = pd.Series(pd.date_range("2021-01-01", periods=12, tz="UTC"))
    end = ts + pd.Timedelta(days=4)
    window = Window.of_fold(gap)
    found = (ts <= window.until) & (end <= window.known_until)
    assert found.to_numpy().tolist() == fold_masks(gap, ts, end)[0].tolist()
