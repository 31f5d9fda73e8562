"""The warnings of other libraries that say nothing about this project, in one place."""

from __future__ import annotations

import warnings
from typing import Any

from kedro.framework.hooks import hook_impl

# (part of the message, category): each is raised by a library about itself and cannot be avoided from here.
KNOWN: tuple[tuple[str, type[Warning]], ...] = (
    (r".*contains? '?\.'?.*", UserWarning),
    (r".*dot characters? .*", UserWarning),
    (r".*register_new_resolver.*", UserWarning),
    (r".*class-based `config`.*", DeprecationWarning),
    (r".*model_fields.*", DeprecationWarning),
    (r".*Add type hints to the `predict` method.*", UserWarning),
    (r".*noload.*", DeprecationWarning),
    (r".*module 'sre_\w+' is deprecated.*", DeprecationWarning),
)


class KnownWarningsHooks:
    """Silence what is known, so that a new warning is seen."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:  # noqa: ARG002 - the signature is Kedro's
        """Install the filters for this process."""
        for message, category in KNOWN:
            warnings.filterwarnings("ignore", message=message, category=category)
