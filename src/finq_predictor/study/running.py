"""Runs a study: every model of the race, every horizon and seed, on every split of a protocol.

A piece is one model fitted on one split with one seed. It is stored under the hash of its rows, parameters, seed, split
and code, so that a study that was killed goes on with what it had and ends with the same bits. Seeds of one model on
one split follow each other, because they share what depends on the rows alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.study_figures import figures_of
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.modelling.protocols import Division, Split, splits_of
from finq_predictor.domain.modelling.splits import gap_table
from finq_predictor.domain.tables.training import STUDY
from finq_predictor.pipelines.training.fitting import Shared, check_race, cores, fit_calibrated, model_of
from finq_predictor.pipelines.training.leakage import leak_table
from finq_predictor.pipelines.training.nodes import NO_CHOICE, configuration_of
from finq_predictor.pipelines.training.params import StudyParams, TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, make_samples
from finq_predictor.pipelines.training.search import content_of
from finq_predictor.study.pieces import Pieces

logger = logging.getLogger(__name__)
Told = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """What a study is made from.

    Attributes:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        params: Parameters of the training, with those of the study.
        market: The market.
        code: Which code runs.
    """

    gold: pd.DataFrame
    feature_set: FeatureSet
    params: TrainingParams
    market: Market
    code: CodeVersion

    @property
    def study(self) -> StudyParams:
        """What is run."""
        return self.params.study

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons, the shortest first."""
        return tuple(sorted(set(self.study.horizons))) or (Plan(self.params, self.market).horizon,)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, counted from that of the training."""
        return tuple(range(self.params.seed, self.params.seed + self.study.seeds))

    def seeds_of(self, name: str) -> tuple[int, ...]:
        """The seeds with which a model is run: one that draws nothing at random has the same result with all."""
        seeded = MODELS[model_of(name, self.params)].seeded or self.params.max_train_rows is not None
        return self.seeds if seeded else self.seeds[:1]

    def plan(self, horizon: int, seed: int) -> Plan:
        """The training with a horizon and a seed."""
        return Plan(self.params.model_copy(update={"horizon": horizon, "seed": seed}), self.market)


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        study: The table ``study``.
        leaks: ``horizon, seed``, and the columns of the table ``leak_meter``.
        gaps: ``horizon``, and the columns of the table ``folds``: the walk-forward whose last block is sealed.
        splits: ``horizon, split, path, train_rows, test_rows, train_start, train_end, test_start, test_end``.
        made: Pieces that were made.
        known: Pieces that were there.
    """

    study: pd.DataFrame
    leaks: pd.DataFrame
    gaps: pd.DataFrame
    splits: pd.DataFrame
    made: int
    known: int


def configurations(material: Material) -> list[tuple[str, int, int, str]]:
    """All that a study tries: model, horizon, seed and the hash of what was chosen.

    With the protocol of the daily training a configuration is that of the daily training, and counts once with it.
    """
    found = []
    protocol = material.study.protocol
    for horizon in material.horizons:
        for name in material.params.models:
            for seed in material.seeds_of(name):
                own = configuration_of(name, material.feature_set, material.plan(horizon, seed))
                if protocol.kind != "expanding":
                    own = hash_content({"of": own, "protocol": protocol.model_dump(mode="json")})[: len(own)]
                found.append((name, horizon, seed, own))
    return found


def tested_times(material: Material) -> pd.Series:
    """All bars whose outcomes a study looks at."""
    times = [keys[TS].iloc[rows] for keys, rows in (_tested(material, horizon) for horizon in material.horizons)]
    return pd.concat(times).drop_duplicates().reset_index(drop=True)


def run_study(material: Material, pieces: Pieces, tell: Told = logger.info) -> Findings:
    """Run what is not known yet, and measure all of it.

    Args:
        material: What it is made from.
        pieces: Where finished pieces are kept.
        tell: Gets a line for each finished piece.

    Raises:
        ConfigurationError: If gold has no label over a horizon.
        SplitError: If the gap is shorter than a label, or there are too few dates.
    """
    check_race(material.params, material.feature_set)
    tables, leaks, gaps, splits = [], [], [], []
    counted = _Counted(_count(material), tell)
    for horizon in material.horizons:
        samples = _samples(material, horizon)
        gaps.append(_gaps(samples, material, horizon).assign(horizon=horizon))
        divided = _splits(samples, material, horizon)
        splits.append(_described(divided, samples, horizon))
        run = _Horizon(material, horizon, samples, divided, pieces, counted)
        predictions = run.predictions()
        leaks.append(run.leaks())
        tables.append(
            figures_of(
                predictions,
                market=material.market,
                protocol=material.study.protocol.kind,
                horizon=horizon,
                n_resamples=material.study.n_bootstrap,
                seed=material.params.seed,
            )
        )
    return Findings(
        STUDY.typed(pd.concat(tables, ignore_index=True)),
        pd.concat(leaks, ignore_index=True),
        pd.concat(gaps, ignore_index=True),
        pd.concat(splits, ignore_index=True),
        counted.made,
        counted.known,
    )


class _Counted:
    """Counts pieces, and tells of each."""

    def __init__(self, total: int, tell: Told) -> None:
        self.total, self.made, self.known, self._tell = total, 0, 0, tell

    def __call__(self, what: str, known: bool) -> None:
        if known:
            self.known += 1
        else:
            self.made += 1
            self._tell(f"study: {self.made + self.known} of {self.total} pieces, {what}")


class _Horizon:
    """The pieces of one horizon."""

    def __init__(
        self,
        material: Material,
        horizon: int,
        samples: Samples,
        splits: list[Split],
        pieces: Pieces,
        counted: _Counted,
    ) -> None:
        self._material, self._horizon, self._samples, self._splits = material, horizon, samples, splits
        self._pieces, self._counted = pieces, counted
        self._content = content_of(samples)

    def predictions(self) -> pd.DataFrame:
        """What every model says of the tested rows of every split, with every seed, beside what happened."""
        names = list(self._material.params.models)
        # Splits with the most rows first, so that no core is left alone with one at the end.
        order = sorted(self._splits, key=lambda split: -len(split.train))
        tasks = [(split, name) for split in order for name in names]
        with cores(self._material.params) as pool:
            found = [part for parts in pool.map(self._of_split, tasks) for part in parts]
        return pd.concat(found, ignore_index=True)

    def leaks(self) -> pd.DataFrame:
        """What a random split would have pretended, with every seed; the sealed block is in neither."""
        keys, division = self._samples.keys, _division(self._samples, self._material, self._horizon)
        seen = self._samples.take(division.open_rows(keys[TS], keys["label_end"]))
        found = []
        for seed in self._material.seeds:
            plan = self._material.plan(self._horizon, seed)
            key = self._key({"leak": plan.params.leak_meter.model_dump(mode="json"), "seed": seed})
            table = self._pieces.get(key)
            self._counted(f"{self._horizon} bars, leak meter, seed {seed}", table is not None)
            if table is None:
                table = leak_table(seen, plan)
                self._pieces.put(key, table)
            found.append(table.assign(horizon=self._horizon, seed=seed))
        return pd.concat(found, ignore_index=True)

    def _of_split(self, task: tuple[Split, str]) -> list[pd.DataFrame]:
        split, name = task
        material, found = self._material, []
        shared: Shared = {}
        for seed in material.seeds_of(name):
            key = self._key(
                {
                    "model": model_of(name, material.params),
                    "config": material.params.models[name].model_dump(mode="json", exclude={"search"}),
                    "seed": seed,
                    "train": _digest(split.train),
                    "tests": {str(path): _digest(rows) for path, rows in split.tests.items()},
                }
            )
            said = self._pieces.get(key)
            self._counted(f"{self._horizon} bars, {name}, split {split.number}, seed {seed}", said is not None)
            if said is None:
                said = self._said(name, seed, split, shared)
                self._pieces.put(key, said)
            found.append(self._beside(said, name, seed, split))
        return found

    def _said(self, name: str, seed: int, split: Split, shared: Shared) -> pd.DataFrame:
        plan, chosen = self._material.plan(self._horizon, seed), self._material.params.models[name].params
        fitted = fit_calibrated(name, chosen, self._samples, split.train, plan, shared)
        score = fitted.model.predict_score(self._samples.frame(_asked(split)))
        return pd.DataFrame({"score": score, "probability": fitted.calibrator.transform(score)})

    def _beside(self, said: pd.DataFrame, name: str, seed: int, split: Split) -> pd.DataFrame:
        keys = self._samples.keys.iloc[_asked(split)]
        return pd.DataFrame(
            {
                TS: keys[TS].array,
                INSTRUMENT: keys[INSTRUMENT].array,
                "label": keys["label"].to_numpy(float),
                "forward_return": keys["forward_return"].to_numpy(float),
                "score": said["score"].to_numpy(),
                "probability": said["probability"].to_numpy(),
                # What a constant would have said beforehand.
                "base_rate": float(self._samples.y[split.train].mean()),
                "seed": seed,
                "path": np.repeat(list(split.tests), [len(rows) for rows in split.tests.values()]),
                "model": name,
            }
        )

    def _key(self, content: dict[str, object]) -> str:
        material = self._material
        apart = {*NO_CHOICE, "seed", "horizon", "search", "n_folds", "min_train_fraction"}
        return hash_content(
            {
                **content,
                "training": material.params.model_dump(mode="json", exclude=apart),
                "market": material.market.name,
                "horizon": self._horizon,
                "content": self._content,
                "code": material.code.code_hash,
                "packages": dict(material.code.packages),
            }
        )[:32]


def _asked(split: Split) -> Positions:
    return np.concatenate(list(split.tests.values()))


def _digest(rows: Positions) -> str:
    return hash_content(
        [int(rows[0]), int(rows[-1]), len(rows), int((rows.astype(np.int64) ** 2 % 2_147_483_647).sum())]
    )


def _samples(material: Material, horizon: int, *, features: bool = True) -> Samples:
    known = [int(name.rpartition("_")[2]) for name in material.gold if str(name).startswith("label_end_")]
    if horizon not in known:
        raise ConfigurationError(
            f"The gold of {material.market.name} has no labels over {horizon} bars; it has them over "
            f"{', '.join(map(str, sorted(known)))}. Take one of these, or add it to the features' horizons."
        )
    return make_samples(material.gold, material.feature_set.names if features else (), horizon)


def _division(samples: Samples, material: Material, horizon: int) -> Division:
    params = material.params
    label_bars = material.plan(horizon, params.seed).label_bars
    return Division(params.n_folds, params.min_train_fraction, params.gap, label_bars, samples.sessions)


def _splits(samples: Samples, material: Material, horizon: int) -> list[Split]:
    ts, end = samples.keys[TS], samples.keys["label_end"]
    return splits_of(material.study.protocol, ts, end, _division(samples, material, horizon))


def _gaps(samples: Samples, material: Material, horizon: int) -> pd.DataFrame:
    ts, end, window = samples.keys[TS], samples.keys["label_end"], material.study.protocol.window
    return gap_table(_division(samples, material, horizon).walk_forward(ts, end, window))


def _tested(material: Material, horizon: int) -> tuple[pd.DataFrame, Positions]:
    samples = _samples(material, horizon, features=False)
    rows = np.unique(np.concatenate([_asked(split) for split in _splits(samples, material, horizon)]))
    return samples.keys, rows


def _count(material: Material) -> int:
    per_split = sum(len(material.seeds_of(name)) for name in material.params.models)
    total = 0
    for horizon in material.horizons:
        rows = _samples(material, horizon, features=False)
        total += per_split * len(_splits(rows, material, horizon)) + len(material.seeds)
    return total


def _described(splits: list[Split], samples: Samples, horizon: int) -> pd.DataFrame:
    return pd.DataFrame(_lines(splits, samples, horizon))


def _lines(splits: list[Split], samples: Samples, horizon: int) -> Iterator[dict[str, object]]:
    ts = samples.keys[TS]
    for split in splits:
        for path, rows in split.tests.items():
            yield {
                "horizon": horizon,
                "split": split.number,
                "path": path,
                "train_rows": len(split.train),
                "test_rows": len(rows),
                "train_start": ts.iloc[split.train[0]],
                "train_end": ts.iloc[split.train[-1]],
                "test_start": ts.iloc[rows[0]],
                "test_end": ts.iloc[rows[-1]],
            }
