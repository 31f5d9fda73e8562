"""What a client may read of an error: everything but where the files of this machine lie."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import finq_predictor

_DATA = "the folder of the data"
# A path: a slash that does not follow a word, and all that belongs to it; its last part is what is kept.
_PATH = re.compile(r"(?<![\w.:/~-])~?/(?:[^\s'\"`,;:()<>|/]+/)+([^\s'\"`,;:()<>|/]*)")


class Reasons:
    """The function through which every reason goes that a client is told.

    Args:
        roots: Folders of the data, and of what is written; files below them are named as they lie there, all others by
            their own names.
    """

    def __init__(self, *roots: Path) -> None:
        self._roots = tuple(dict.fromkeys(place for root in roots for place in _spellings(root)))
        self._places = tuple(_places())

    def told(self, reason: str) -> str:
        """The reason without a path of this machine."""
        for place in self._roots:
            reason = re.sub(rf"{re.escape(place)}(/|(?![\w-]))", lambda end: "" if end[1] else _DATA, reason)
        for place in self._places:
            reason = re.sub(rf"{re.escape(place)}/([^\s'\"`,;:()<>|/]+/)*", "", reason)
            reason = reason.replace(place, Path(place).name)
        return _PATH.sub(lambda found: found[1] or "a folder", reason)


def _spellings(root: Path) -> Iterator[str]:
    # A name such as `data` is no path and may be a word of the reason.
    given = str(root)
    found = {str(root.absolute()), str(_resolved(root))} | ({given} if "/" in given else set())
    yield from sorted(found - {"/"}, key=len, reverse=True)


def _places() -> Iterator[str]:
    package = Path(finq_predictor.__file__).parent
    known = {package.parent, package, Path(sys.prefix), Path(sys.base_prefix), Path.home(), Path(tempfile.gettempdir())}
    found = {str(place) for one in (*known, Path.cwd()) for place in (one, _resolved(one))}
    yield from sorted(found - {"/"}, key=len, reverse=True)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()
