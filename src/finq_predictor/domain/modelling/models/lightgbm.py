"""Gradient-boosted trees grown leaf by leaf (Ke et al., 2017), small and strongly regularised for faint signals."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.models.base import Distribution, Model, ModelKind


class LightGBM(Model):
    """Boosted trees whose next split is the best anywhere in the tree; a missing value goes where it helps more.

    The number of trees is fixed: stopping early on one short regime picks the luck of that regime.
    The same seed gives the same trees, whatever the number of threads.

    Args:
        n_estimators: Number of trees.
        learning_rate: Weight of each tree.
        num_leaves: Leaves of each tree at most.
        max_depth: Depth of each tree at most.
        min_child_samples: Fewest rows in a leaf.
        subsample: Share of the rows each tree sees.
        colsample_bytree: Share of the features each tree sees.
        reg_lambda: L2 penalty on leaf values.
        max_bin: Histogram bins per feature.
        threads: Threads of the fit; several fits side by side with one thread each are quicker than one fit with
            several. Prediction uses one.
    """

    name: ClassVar[str] = "lightgbm"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    requires: ClassVar[tuple[Distribution, ...]] = (("lightgbm",),)

    def __init__(
        self,
        n_estimators: int = 150,
        learning_rate: float = 0.03,
        num_leaves: int = 15,
        max_depth: int = 4,
        min_child_samples: int = 400,
        subsample: float = 0.5,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 10.0,
        max_bin: int = 63,
        threads: int = 1,
    ) -> None:
        super().__init__(
            n_estimators=n_estimators,
            learning_rate=learning_rate,
            num_leaves=num_leaves,
            max_depth=max_depth,
            min_child_samples=min_child_samples,
            subsample=subsample,
            colsample_bytree=colsample_bytree,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            threads=threads,
        )
        self.trees: Any = None

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:
        import lightgbm

        options = dict(self.params)
        rounds, threads = options.pop("n_estimators"), options.pop("threads")
        options |= {
            "objective": "binary",
            "seed": seed,
            "num_threads": threads,
            "subsample_freq": 1,
            # Sums in one fixed order: the same trees on every run and with any number of threads.
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        self.trees = lightgbm.train(options, lightgbm.Dataset(matrix, label=y, params=options), num_boost_round=rounds)

    def _score(self, matrix: FeatureMatrix) -> Vector:
        if self.trees is None:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        # One thread: waking a second costs more than scoring a thousand rows.
        scores: Vector = np.asarray(self.trees.predict(matrix, num_threads=1), dtype=np.float64)
        return scores

    def importance(self) -> dict[str, float] | None:
        """Total gain of the splits on each feature, summing to 1; 0 for a feature never used."""
        gains = self.trees.feature_importance(importance_type="gain")
        total = float(gains.sum()) or 1.0
        return dict(zip(self.features, (gains / total).tolist(), strict=True))

    def _learned(self) -> dict[str, Any]:
        text = self.trees.model_to_string(num_iteration=-1)
        return {"trees": text, "hash": hash_content(text)}

    def _restore(self, learned: dict[str, Any]) -> None:
        import lightgbm

        # LightGBM reads on behind the end of a text that was cut off, and ends the process.
        if hash_content(learned["trees"]) != learned["hash"]:
            raise ValueError("the trees are not those that were written")
        try:
            self.trees = lightgbm.Booster(model_str=learned["trees"])
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(str(error).splitlines()[0]) from error
