"""What small networks over sequences have in common: how they are fitted with PyTorch, and scored without it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, FeatureMatrix, Positions, Vector
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.modelling.models.abilities import ProgressReporter, ReturnForecast, ReturnForecaster
from finq_predictor.domain.modelling.models.base import (
    Contributions,
    Device,
    Model,
    ModelKind,
    log_odds,
    to_matrix,
)
from finq_predictor.domain.modelling.models.restoring import number, require
from finq_predictor.domain.modelling.models.sequences import (
    OF_THE_FAMILY,
    Named,
    Scaling,
    place_sequences,
    place_static,
    read_weights,
    write_weights,
)

CHUNK = 8_192
BLOCK = 1_024
"""Rows that a GPU scores at once, always as many: another number of rows may take another order of sums."""
Weights = dict[str, Array]


class SequenceNetwork(Model, ReturnForecaster, ProgressReporter):
    """A network that reads the last bars of a row in their order, and other features of it beside them.

    It is fitted for a fixed number of passes, with a rate that falls to nothing, and held small by weight decay:
    stopping early on one short regime picks the luck of that regime. Fits on a CPU use one thread and draw from their
    own seed, so that the same rows give the same bits; several run side by side. On a CPU scores come from machine
    code of our own, row by row, so that whoever only predicts needs no PyTorch.

    Subclasses say what shapes their weights have, how PyTorch puts them together, and how a row is read without it.

    Args:
        sequences: See :func:`~finq_predictor.domain.modelling.models.sequences.place_sequences`.
        static: Names and patterns of the features that are read beside the sequences.
        hidden: Width of the network.
        epochs: Passes over the rows.
        batch: Rows of a step.
        learning_rate: Largest step; it rises over the first tenth and falls to nothing.
        weight_decay: How strongly weights are pulled to nothing.
        clip: Standardised values are cut to plus and minus this many standard deviations.
        device: Where it is fitted, ``"cpu"`` or ``"cuda"``.
        returns: Whether it forecasts returns as well; that takes a second fit of a network of the same size.
    """

    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    modules: ClassVar[tuple[str, ...]] = (
        "scipy.special",
        f"{__package__}._network_kernels",
        f"{__package__}._pytorch",
        "torch",
    )
    soft: ClassVar[bool] = True

    def __init__(
        self,
        *,
        sequences: Named = OF_THE_FAMILY,
        static: Sequence[str] = (),
        hidden: int = 32,
        epochs: int = 4,
        batch: int = 1024,
        learning_rate: float = 0.002,
        weight_decay: float = 0.1,
        clip: float = 5.0,
        device: str = Device.CPU.value,
        returns: bool = False,
    ) -> None:
        named = [one if isinstance(one, str) else list(one) for one in sequences]
        super().__init__(
            sequences=named,
            static=list(static),
            hidden=hidden,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clip=clip,
            device=device,
            returns=returns,
        )
        whole = {"hidden": hidden, "epochs": epochs, "batch": batch}
        for name, value in whole.items():
            if not (isinstance(value, int) and value >= 1):
                raise ConfigurationError(f"Model {self.name!r} got {name}={value!r}; expected a whole number from 1.")
        for name, given in {"learning_rate": learning_rate, "weight_decay": weight_decay}.items():
            if not (isinstance(given, int | float) and 0.0 <= given < 1e6):
                raise ConfigurationError(f"Model {self.name!r} got {name}={given!r}; expected a number from 0.")
        self.hidden, self.forecasts = hidden, bool(returns)
        self.outlook: tuple[SequenceNetwork, float] | None = None
        self._says = 1
        self.scaling = Scaling(clip)
        self.weights: Weights = {}
        self._steps: Positions = np.zeros((0, 0), dtype=np.intp)
        self._static: Positions = np.zeros(0, dtype=np.intp)
        self._network: Any = None

    # How it is fitted -----------------------------------------------------------------------------------------------

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:
        torch, self.outlook = self._torch(), None
        inputs, rng = self._prepared(matrix), np.random.default_rng(seed)
        self.weights = self._initial(rng)
        self.weights["head.bias"][0] = log_odds(y.mean())
        loss = torch.nn.BCEWithLogitsLoss()
        self._descend(torch, inputs, y, rng, lambda said, wanted: loss(said[:, 0], wanted))

    def learn_returns(self, X: pd.DataFrame, returns: Vector, *, seed: int) -> None:
        """See :meth:`ReturnForecaster.learn_returns`: a second network says mean and spread of a normal distribution.

        Returns are cut to plus and minus so many of their deviations as features are.

        Raises:
            DataError: If a return is missing, or all are the same.
        """
        scale = float(np.std(returns))
        if not (np.isfinite(scale) and scale > 0.0 and len(returns) == len(X)):
            raise DataError(f"Model {self.name!r} got {len(X)} rows and returns that are missing or all the same.")
        twin = type(self)(**{**self.params, "returns": False})
        torch, twin.features, twin._says, twin.report = self._torch(), self.features, 2, self.report
        inputs, rng = twin._prepared(to_matrix(X, self.features)), np.random.default_rng(seed)
        twin.weights = twin._initial(rng)
        wanted = np.clip(returns / scale, -twin.scaling.clip, twin.scaling.clip)

        def loss(said: Any, target: Any) -> Any:
            away = (target - said[:, 0]) * torch.exp(-said[:, 1])
            return (said[:, 1] + 0.5 * away * away).mean()

        twin._descend(torch, inputs, wanted, rng, loss)
        self.outlook = (twin, scale)

    def forecast(self, X: pd.DataFrame) -> ReturnForecast | None:
        """See :meth:`ReturnForecaster.forecast`."""
        if self.outlook is None:
            return None
        twin, scale = self.outlook
        said = twin._outputs(to_matrix(X, self.features)).astype(np.float64)
        return ReturnForecast(scale * said[:, 0], scale * np.exp(np.clip(said[:, 1], -20.0, 20.0)))

    def _prepared(self, matrix: FeatureMatrix) -> tuple[Array, Array]:
        self._place()
        self.scaling.learn(matrix[:, np.concatenate([self._steps.ravel(), self._static])])
        return self._inputs(matrix)

    def _descend(self, torch: Any, inputs: tuple[Array, Array], y: Vector, rng: Any, loss: Any) -> None:
        """Fit the weights, from where they stand, so that the loss of what is said about rows gets small."""
        params = self.params
        device = torch.device(params["device"])
        steps, static, wanted = (
            torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32)).to(device) for part in (*inputs, y)
        )
        # For the whole process, and for good: fits run side by side, and with another number come other bits.
        torch.set_num_threads(1)
        network = self._built(torch, device)
        # One kernel for all weights: the loops over many small ones cost as much as the fit.
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=params["learning_rate"], weight_decay=params["weight_decay"], foreach=True
        )
        batches = -(-len(y) // params["batch"])
        total = params["epochs"] * batches
        for epoch in range(params["epochs"]):
            order = torch.from_numpy(rng.permutation(len(y))).to(device)
            lost = torch.zeros((), device=device)
            for place, rows in enumerate(order.split(params["batch"])):
                step = epoch * batches + place
                rate = params["learning_rate"] * min(1.0, (step + 1) / (0.1 * total)) * (1.0 - step / total)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.zero_grad(set_to_none=True)
                value = loss(self._said(torch, network, steps[rows], static[rows]), wanted[rows])
                value.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                lost += value.detach() * len(rows)
            done, mean = f"{epoch + 1} of {params['epochs']}", float(lost) / len(y)
            self.report(f"{self.name}: pass {done} over {len(y)} rows, loss {mean:.5f}")
        found = {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}
        self.weights = {name: found[name] for name in self._shapes()}
        if not all(np.isfinite(weight).all() for weight in self.weights.values()):
            raise DataError(
                f"Model {self.name!r} has lost its way: a weight is no number. Take a smaller learning_rate (now "
                f"{params['learning_rate']})."
            )
        self._network = None

    def _torch(self) -> Any:
        from finq_predictor.domain.modelling.models._pytorch import torch

        known = [Device.CPU.value, *([Device.CUDA.value] if torch.cuda.is_available() else [])]
        if self.params["device"] not in known:
            raise ConfigurationError(
                f"Model {self.name!r} is to be fitted on {self.params['device']!r}; this PyTorch, on this machine, "
                f"knows {', '.join(known)}."
            )
        return torch

    def _built(self, torch: Any, device: Any) -> Any:
        network = self._assembled(torch).to(device)
        network.load_state_dict({name: torch.from_numpy(weight) for name, weight in self.weights.items()})
        return network

    def _initial(self, rng: np.random.Generator) -> Weights:
        """Weights between plus and minus one over the root of how many are added up; biases 0, gains 1."""
        weights = {}
        for name, shape in self._shapes().items():
            bound = 1.0 / np.sqrt(shape[-1])
            drawn = rng.uniform(-bound, bound, shape)
            weights[name] = (drawn if "weight" in name else np.zeros(shape)).astype(np.float32)
        return weights

    def _place(self) -> None:
        self._steps = place_sequences(self.params["sequences"], self.features, self.name)
        self._static = place_static(self.params["static"], self.features, self.name)

    # How it scores --------------------------------------------------------------------------------------------------

    def _score(self, matrix: FeatureMatrix) -> Vector:
        from scipy.special import expit

        scores: Vector = expit(self._outputs(matrix)[:, 0].astype(np.float64))
        return scores

    def _outputs(self, matrix: FeatureMatrix) -> Array:
        """What the head says of each row (n, O)."""
        if not self.weights:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        out = np.empty((len(matrix), self._says), dtype=np.float32)
        for start in range(0, len(matrix), CHUNK):
            steps, static = self._inputs(matrix[start : start + CHUNK])
            said = out[start : start + CHUNK]
            if self._network is None:
                self._read(steps, static, said)
            else:
                self._ask(steps, static, said)
        return out

    def _read(self, steps: Array, static: Array, out: Array) -> None:
        from finq_predictor.domain.modelling.models import _network_kernels

        state = np.empty((len(steps), self.hidden), dtype=np.float32)
        self._states(steps, state)
        _network_kernels.head(state, static, self.weights["head.weight"], self.weights["head.bias"], out)

    def _ask(self, steps: Array, static: Array, out: Array) -> None:
        """The same with PyTorch, always as many rows at once, the last block filled up."""
        torch, (network, device) = self._torch(), self._network
        for start in range(0, len(steps), BLOCK):
            parts = []
            for part in (steps, static):
                filled = np.zeros((BLOCK, *part.shape[1:]), dtype=np.float32)
                filled[: len(part[start : start + BLOCK])] = part[start : start + BLOCK]
                parts.append(torch.from_numpy(filled).to(device))
            with torch.inference_mode():
                said = self._said(torch, network, *parts).cpu().numpy()
            out[start : start + BLOCK] = said[: len(out[start : start + BLOCK])]

    def _inputs(self, matrix: FeatureMatrix) -> tuple[Array, Array]:
        """Sequences (n, L, C) and what is beside them (n, k), on their scale."""
        channels, length = self._steps.shape
        values = self.scaling.apply(matrix[:, np.concatenate([self._steps.ravel(), self._static])])
        steps = values[:, : channels * length].reshape(len(matrix), channels, length)
        return np.ascontiguousarray(steps.transpose(0, 2, 1)), np.ascontiguousarray(values[:, channels * length :])

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        """``cuda`` as well where PyTorch is installed and built with it.

        Looked at is its version: a service that asks must not have to import it.
        """
        try:
            version = metadata.version("torch")
        except metadata.PackageNotFoundError:
            return (Device.CPU,)
        return (Device.CPU,) if "+cpu" in version else (Device.CPU, Device.CUDA)

    def to_device(self, device: Device) -> None:
        """See :meth:`Model.to_device`; where no such device answers it stays on the CPU."""
        if device == Device.CPU:
            self._network = None
        elif device in self.devices():
            torch = self._torch()
            if torch.cuda.is_available():
                self._on_torch(torch, torch.device(device.value))

    def _on_torch(self, torch: Any, device: Any) -> None:
        self._network = (self._built(torch, device).eval(), device)

    def _contributions(self, matrix: FeatureMatrix) -> Contributions | None:  # noqa: ARG002 - one interface
        # Exact ones would take a pass for every set of columns.
        return None

    # How it is stored -----------------------------------------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        learned = {"scaling": self.scaling.learned(), **write_weights(self.weights)}
        if self.outlook is not None:
            twin, scale = self.outlook
            learned["returns"] = {"scale": scale, **twin._learned()}
        return learned

    def _restore(self, learned: dict[str, Any]) -> None:
        if "returns" in learned:
            twin = type(self)(**{**self.params, "returns": False})
            twin.features, twin._says = self.features, 2
            twin._restore({key: value for key, value in learned["returns"].items() if key != "returns"})
            self.outlook = (twin, number(learned["returns"]["scale"], "the scale of returns", 1e-12))
        self._place()
        self.scaling.restore(learned["scaling"], self._steps.size + len(self._static))
        shapes = self._shapes()
        require(all(width < 65_536 for shape in shapes.values() for width in shape), "the width", self.hidden)
        self.weights = read_weights(learned, shapes)

    # What each says of itself ---------------------------------------------------------------------------------------

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by the names that PyTorch gives them; the head's are the last."""
        head = {"head.weight": (self._says, self.hidden + len(self._static)), "head.bias": (self._says,)}
        return {**self._body(*self._steps.shape), **head}

    @abstractmethod
    def _body(self, channels: int, length: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights before the head."""

    @abstractmethod
    def _assembled(self, torch: Any) -> Any:
        """A module of PyTorch with weights of these names and shapes."""

    @abstractmethod
    def _said(self, torch: Any, network: Any, steps: Any, static: Any) -> Any:
        """What the module says of rows (n, O)."""

    @abstractmethod
    def _states(self, steps: Array, out: Array) -> None:
        """What stands before the head (n, H), row by row."""
