"""A run refuses variables of the environment that nobody reads, and leaves none behind that it did not find."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.environment.reading import Known, foreign, hand_on, require_known, take_back

_TRACKING = "MLFLOW_TRACKING_URI"


class EnvironmentHooks:
    """Looks at the environment before anything of a run is made.

    Args:
        known: Gives every variable that there is.
    """

    def __init__(self, known: Known) -> None:
        self._known = known

    @hook_impl(wrapper=True, tryfirst=True)
    def after_context_created(self, context: Any) -> Any:  # noqa: ARG002 - the interface of Kedro
        """Refuse what is unknown; afterwards the environment says of tracking what it said before.

        MLflow writes the address of the store that a run uses into the environment. The next run of the process, and
        every process that it starts, would take it for what the user said, wherever its own data lie.
        """
        require_known(self._known)
        before = foreign(_TRACKING)
        try:
            return (yield)
        finally:
            if before:
                hand_on(_TRACKING, before)
            else:
                take_back(_TRACKING)
