"""A small encoder with attention (Vaswani et al., 2017) over the last bars of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.models.base import Device
from finq_predictor.domain.modelling.models.networks import SequenceNetwork, Weights
from finq_predictor.domain.modelling.models.sequences import OF_THE_FAMILY, Named

WIDER = 2
"""The inner layer is so many times as wide."""


class Transformer(SequenceNetwork):
    """Every bar looks at all others of the row; the mean over the bars and the static features give the score.

    All bars of a sequence lie in the past of its row, so that none has to be hidden from another. Layers normalise
    first (Xiong et al., 2020); where a bar stands in the sequence is learned.

    Args:
        sequences: As for :class:`SequenceNetwork`, and so are all others but `layers` and `heads`.
        static: Names and patterns of the features that are read beside the sequences.
        hidden: Width of each bar's state.
        layers: Layers of attention.
        heads: Parts that each look for themselves; they divide the width.
        epochs: Passes over the rows.
        batch: Rows of a step.
        learning_rate: Largest step.
        weight_decay: How strongly weights are pulled to nothing.
        clip: Standardised values are cut to plus and minus this many standard deviations.
        device: Where it is fitted, ``"cpu"`` or ``"cuda"``.
        returns: Whether it forecasts returns as well.
    """

    name: ClassVar[str] = "transformer"

    def __init__(
        self,
        sequences: Named = OF_THE_FAMILY,
        static: Sequence[str] = (),
        hidden: int = 32,
        layers: int = 1,
        heads: int = 4,
        epochs: int = 4,
        batch: int = 1024,
        learning_rate: float = 0.002,
        weight_decay: float = 0.1,
        clip: float = 5.0,
        device: str = Device.CPU.value,
        returns: bool = False,
    ) -> None:
        super().__init__(
            sequences=sequences,
            static=static,
            hidden=hidden,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clip=clip,
            device=device,
            returns=returns,
        )
        self.params |= {"layers": layers, "heads": heads}
        if not (isinstance(layers, int) and 1 <= layers <= 64):
            raise ConfigurationError(f"Model {self.name!r} got layers={layers!r}; expected a whole number, 1 to 64.")
        if not (isinstance(heads, int) and heads >= 1 and hidden % heads == 0):
            raise ConfigurationError(f"Model {self.name!r} got heads={heads!r}, which does not divide hidden={hidden}.")
        self.layers, self.heads = layers, heads

    def _body(self, channels: int, length: int) -> dict[str, tuple[int, ...]]:
        # As the kernels read them: what is added up runs over the one but last axis.
        count, width, inner = self.layers, self.hidden, WIDER * self.hidden
        return {
            "into_weight": (channels, width),
            "place_weight": (length, width),
            "norms": (2 * count + 1, 2, width),
            "asked_weight": (count, 3, width, width),
            "asked_bias": (count, 3, width),
            "mixed_weight": (count, width, width),
            "mixed_bias": (count, width),
            "wide_weight": (count, width, inner),
            "wide_bias": (count, inner),
            "narrow_weight": (count, inner, width),
            "narrow_bias": (count, width),
        }

    def _initial(self, rng: np.random.Generator) -> Weights:
        weights = super()._initial(rng)
        weights["norms"][:, 0] = 1.0
        return weights

    def _assembled(self, torch: Any) -> Any:
        names = [name for name in self._shapes() if not name.startswith("head.")]
        network = torch.nn.ParameterDict({name: torch.empty(self.weights[name].shape) for name in names})
        network["head"] = torch.nn.Linear(self.hidden + len(self._static), self._says)
        return network

    def _said(self, torch: Any, network: Any, steps: Any, static: Any) -> Any:
        def normed(x: Any, which: int) -> Any:
            gain, bias = network["norms"][which]
            return torch.nn.functional.layer_norm(x, (self.hidden,), gain, bias)

        rows, length, _ = steps.shape
        x = steps @ network["into_weight"] + network["place_weight"]
        for layer in range(self.layers):
            looked = normed(x, 2 * layer)
            parts = []
            for which in range(3):
                part = looked @ network["asked_weight"][layer, which] + network["asked_bias"][layer, which]
                parts.append(part.view(rows, length, self.heads, -1).transpose(1, 2))
            found = torch.nn.functional.scaled_dot_product_attention(*parts)
            found = found.transpose(1, 2).reshape(rows, length, self.hidden)
            x = x + (found @ network["mixed_weight"][layer] + network["mixed_bias"][layer])
            inner = normed(x, 2 * layer + 1) @ network["wide_weight"][layer] + network["wide_bias"][layer]
            x = x + (torch.relu(inner) @ network["narrow_weight"][layer] + network["narrow_bias"][layer])
        state = normed(x, 2 * self.layers).mean(dim=1)
        return network["head"](torch.cat([state, static], dim=1))

    def _states(self, steps: Array, out: Array) -> None:
        from finq_predictor.domain.modelling.models._network_kernels import encoder

        body: list[Any] = [self.weights[name] for name in self._body(*self._steps.shape)]
        kernel: Any = encoder
        kernel(steps, *body, self.heads, out)
