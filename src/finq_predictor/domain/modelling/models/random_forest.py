"""Random forest (Breiman, 2001): the mean of many trees, each grown on its own rows and features."""

from __future__ import annotations

from typing import Any, ClassVar

from finq_predictor.domain.modelling.models.base import Device, Model
from finq_predictor.domain.modelling.models.xgboost import XGBoost


class RandomForest(XGBoost):
    """One round of boosting with as many trees as the forest has, side by side; missing values choose their branch.

    Rows are drawn without putting them back, so the default share is what a bootstrap leaves. The same seed gives the
    same trees, and state, checks and contributions are those of boosted trees.

    Args:
        n_estimators: Number of trees.
        max_depth: Depth of each tree.
        min_child_weight: Smallest sum of second derivatives in a leaf; about a quarter of its rows.
        subsample: Share of the rows each tree sees.
        colsample_bynode: Share of the features each split may choose from.
        reg_lambda: L2 penalty on leaf values.
        max_bin: Histogram bins per feature.
        device: ``"cpu"`` or ``"cuda"``.
        threads: Threads of the fit, as for boosted trees.
    """

    name: ClassVar[str] = "random_forest"

    def __init__(
        self,
        n_estimators: int = 100,
        max_depth: int = 6,
        min_child_weight: float = 200.0,
        subsample: float = 0.632,
        colsample_bynode: float = 0.1,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        device: str = Device.CPU.value,
        threads: int = 1,
    ) -> None:
        Model.__init__(
            self,
            n_estimators=n_estimators,
            max_depth=max_depth,
            min_child_weight=min_child_weight,
            subsample=subsample,
            colsample_bynode=colsample_bynode,
            reg_lambda=reg_lambda,
            max_bin=max_bin,
            device=device,
            threads=threads,
        )
        self.booster: Any = None

    @property
    def side_by_side(self) -> int:
        """All trees are grown in one round."""
        return int(self.params["n_estimators"])

    def _rounds(self) -> tuple[dict[str, Any], int]:
        options, trees = super()._rounds()
        return {**options, "num_parallel_tree": trees, "learning_rate": 1.0}, 1
