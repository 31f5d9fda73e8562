"""Fits that several models of a race ask for, each made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock

from finq_predictor.domain.modelling.models import Model


class Fits:
    """Fitted models by what they were fitted from; who asks while one is being fitted waits for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: dict[Hashable, Future[Model]] = {}

    def get(self, key: Hashable, fit: Callable[[], Model]) -> Model:
        """The model of a key, fitted by whoever asks first.

        Args:
            key: All that the fit depends on.
            fit: How it is fitted.
        """
        with self._lock:
            mine = key not in self._made
            promised = self._made.setdefault(key, Future())
        if mine:
            try:
                promised.set_result(fit())
            except BaseException as error:
                promised.set_exception(error)
                raise
        return promised.result()
