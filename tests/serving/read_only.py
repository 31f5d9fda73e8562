"""Commands for which all files are read-only but those of one folder, as in a container that is run so."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

# What a root user could do in spite of modes and owners; without it, root is a user like any other.
_ABOVE_OTHERS = "-dac_override,-dac_read_search,-fowner,-chown"
_SCRIPT = f"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount --bind "$2" "$2"
mount -o remount,rw,bind "$2"
shift 2
exec setpriv --bounding-set={_ABOVE_OTHERS} -- "$@"
"""


def read_only_but(state: Path, root: Path = Path("/")) -> tuple[str, ...]:
    """What to put before a command, whose process it becomes: it may write nothing below a root but one folder.

    Args:
        state: The folder.
        root: What is read-only.
    """
    if (reason := _why_not()) is not None:
        pytest.skip(reason)
    return ("unshare", "--mount", "--", "bash", "-c", _SCRIPT, "read-only", str(root), str(state))


@cache
def _why_not() -> str | None:
    missing = [name for name in ("unshare", "setpriv", "mount", "bash") if shutil.which(name) is None]
    if missing:
        return f"read-only files cannot be had: {', '.join(missing)} not installed"
    words = ("unshare", "--mount", "--", "bash", "-c", _SCRIPT, "read-only", "/", "/tmp", "touch", "/finq-read-only")
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    if "Read-only file system" not in done.stderr:
        return f"read-only files cannot be had: this user may not mount: {done.stderr.strip()[-200:]}"
    return None
