"""A long short-term memory (Hochreiter and Schmidhuber, 1997) over the last bars of a row, small, for faint signals."""

from __future__ import annotations

from typing import Any, ClassVar

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.modelling.models.networks import SequenceNetwork


class LSTM(SequenceNetwork):
    """One layer that is read bar by bar, the oldest first; its last state and the static features give the score.

    It takes what :class:`SequenceNetwork` takes.
    """

    name: ClassVar[str] = "lstm"

    def _body(self, channels: int, length: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002 - one interface
        gates = 4 * self.hidden
        return {
            "cell.weight_ih_l0": (gates, channels),
            "cell.weight_hh_l0": (gates, self.hidden),
            "cell.bias_ih_l0": (gates,),
            "cell.bias_hh_l0": (gates,),
        }

    def _assembled(self, torch: Any) -> Any:
        cell = torch.nn.LSTM(self._steps.shape[0], self.hidden, batch_first=True)
        head = torch.nn.Linear(self.hidden + len(self._static), self._says)
        return torch.nn.ModuleDict({"cell": cell, "head": head})

    def _said(self, torch: Any, network: Any, steps: Any, static: Any) -> Any:
        _, (hidden, _) = network["cell"](steps)
        return network["head"](torch.cat([hidden[0], static], dim=1))

    def _states(self, steps: Array, out: Array) -> None:
        from finq_predictor.domain.modelling.models._network_kernels import lstm

        into, again = (self.weights[f"cell.weight_{which}_l0"].T.copy() for which in ("ih", "hh"))
        lstm(steps, into, again, self.weights["cell.bias_ih_l0"] + self.weights["cell.bias_hh_l0"], out)
