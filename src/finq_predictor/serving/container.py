"""How the service starts in a container, where all files are read-only but those of one folder.

``python -m finq_predictor.serving.container`` makes, in the folder that ``FINQ_STATE_ROOT`` names, places for what the
libraries write, and becomes ``bentoml serve``. It takes the same options, and what to serve from ``BENTO_PATH``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from finq_predictor.adapters.environment.reading import given
from finq_predictor.domain.errors import ConfigurationError, FinqError
from finq_predictor.serving.settings import given_for
from finq_predictor.switches import set_switches

STATE = "FINQ_STATE_ROOT"
BENTO = "BENTO_PATH"
_COMPILED, _PASSING = "compiled", "run"
_NAME = 8
_SOCKETS = 44
"""Letters that BentoML's sockets add, at most, to the name of the folder below which they lie."""
_LONGEST = 102
"""Letters that BentoML lets the name of a socket have."""


def prepare(state: Path) -> dict[str, str]:
    """Make the places in which the libraries write.

    Machine code is kept from one start to the next. All else is only for as long as this process lives, which holds a
    lock to say so: folders of containers that were killed are removed.

    Args:
        state: The one folder that can be written to, such as where a volume is mounted.

    Returns:
        The variables that tell the libraries.

    Raises:
        ConfigurationError: If it cannot be written, or its name is too long; says what to do.
    """
    if (longest := _LONGEST - _SOCKETS - len(f"/{_PASSING}/") - _NAME) < len(str(state.absolute())):
        raise ConfigurationError(
            f"The name of the folder {state.absolute()} is too long for the sockets that lie below it. Name one of at "
            f"most {longest} letters by {STATE}."
        )
    try:
        passing = state / _PASSING
        for folder in (state / _COMPILED, passing):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(passing)
        own = passing / token_hex(_NAME // 2)
        own.mkdir(mode=0o700)
        _hold(own)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {state} cannot be written by user {os.getuid()}: {error.strerror}. It is the only one that "
            "the service writes into. Mount a volume there that this user owns, or a tmpfs where nothing has to last; "
            f"another folder is named by {STATE}. See docs/how-to/run-an-image.md."
        ) from error
    # The other one is looked for by BentoML although nothing is kept there.
    return {"TMPDIR": str(own), "BENTOML_HOME": str(own / "bentoml"), "NUMBA_CACHE_DIR": str(state / _COMPILED)}


def command(environment: Mapping[str, str], words: list[str]) -> list[str]:
    """The command that serves.

    Args:
        environment: Variables by name.
        words: Options of ``bentoml serve``.

    Raises:
        ConfigurationError: If nothing says what to serve.
    """
    if not environment.get(BENTO):
        raise ConfigurationError(f"{BENTO} is not set; it names the folder of the bento that is served.")
    return [sys.executable, "-m", "bentoml", "serve", *words, environment[BENTO]]


def main(words: list[str] | None = None) -> None:
    """Become ``bentoml serve``; nothing of this process is left to stand between it and its signals."""
    set_switches()
    state = Path(given_for("state_root") or "/var/lib/finq")
    try:
        told = {STATE: str(state), **prepare(state)}
        served = command(given(), sys.argv[1:] if words is None else words)
    except FinqError as error:
        raise SystemExit(f"The service does not start. {error}") from None
    os.execve(served[0], served, {**given(), **told})


def _hold(folder: Path) -> None:
    """Lock a folder for as long as this process lives, whatever it becomes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(descriptor, True)


def _sweep(passing: Path) -> None:
    """Remove the folders that nobody holds."""
    for folder in passing.iterdir():
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


if __name__ == "__main__":
    main()
