"""Rows that are rejected, each with the rule it broke and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import REASON, RULE
from finq_predictor.domain.ingestion.tally import Tally
from finq_predictor.domain.tables import QUARANTINE

# Rows that say nothing new; they are not evidence of a bad delivery.
HARMLESS = frozenset({"duplicate", "superseded", "late_correction", "no_action"})


@dataclass(frozen=True)
class Cleaned:
    """A delivery, divided.

    Attributes:
        silver: Typed rows to go on with.
        quarantine: Rejected rows as delivered, as text, with ``rule`` and ``reason``.
        tally: Counts and shares of the delivery.
    """

    silver: pd.DataFrame
    quarantine: pd.DataFrame
    tally: Tally


class Ledger:
    """Notes for each row of a delivery the first rule it broke.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: int) -> None:
        # Number of the rule that a row broke, 0 for none: numbers are compared far more quickly than names.
        self._broken = np.zeros(rows, dtype=np.int16)
        self._rules: list[str] = [""]
        self._reason = np.full(rows, "", dtype=object)
        self.alive = np.ones(rows, dtype=bool)

    def copy(self) -> Ledger:
        """A ledger of the same rows, to try what a rule would reject."""
        other = Ledger(0)
        other._broken, other._rules = self._broken.copy(), list(self._rules)
        other._reason, other.alive = self._reason.copy(), self.alive.copy()
        return other

    def reject(self, broken: np.ndarray, rule: str, reason: str | Callable[[np.ndarray], list[str]]) -> None:
        """Reject rows that are still alive.

        Args:
            broken: (n,) booleans.
            rule: Short name of the rule.
            reason: One sentence for all, or a function from the positions of the newly rejected rows to one each.
        """
        hit = np.flatnonzero(np.asarray(broken, dtype=bool) & self.alive)
        if not len(hit):
            return
        self.alive[hit] = False
        if rule not in self._rules:
            self._rules.append(rule)
        self._broken[hit] = self._rules.index(rule)
        self._reason[hit] = reason if isinstance(reason, str) else reason(hit)

    def broke(self, rule: str) -> np.ndarray:
        """Rows rejected by a rule, (n,) booleans."""
        if rule not in self._rules:
            return np.zeros(len(self._broken), dtype=bool)
        return np.asarray(self._broken == self._rules.index(rule), dtype=bool)

    def quarantine(self, raw: pd.DataFrame) -> pd.DataFrame:
        """The rejected rows of the delivery as text, with ``rule`` and ``reason``, in order of delivery."""
        hit = np.flatnonzero(~self.alive)
        rejected = raw.iloc[hit].reset_index(drop=True).rename(columns={RULE: f"raw_{RULE}", REASON: f"raw_{REASON}"})
        text = {str(name): _as_text(rejected[name]) for name in rejected}
        return QUARANTINE.typed(
            pd.DataFrame(
                {**text, RULE: np.array(self._rules, dtype=object)[self._broken[hit]], REASON: self._reason[hit]}
            )
        )

    def tally(self, keys: Callable[[np.ndarray], list[str]]) -> Tally:
        """Count rows per rule, with a few examples.

        Args:
            keys: From positions of rows to what a person would call them.
        """
        rules: dict[str, int] = {}
        examples: dict[str, tuple[str, ...]] = {}
        for rule in sorted(self._rules[1:]):
            hit = np.flatnonzero(self.broke(rule))
            rules[rule] = len(hit)
            names = keys(hit[:3])
            examples[rule] = tuple(f"{name}: {self._reason[row]}" for name, row in zip(names, hit[:3], strict=True))
        return Tally(rows=len(self.alive), kept=int(self.alive.sum()), rules=rules, examples=examples)


def _as_text(column: pd.Series) -> pd.Series:
    """Text, with missing values still missing."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str")
    return column.map(str, na_action="ignore").astype("str")
