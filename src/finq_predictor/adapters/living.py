"""Which processes of this machine are there."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(process: int) -> bool:
    """Whether there is a process of this number that runs; one that has ended may wait for its parent to notice."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:
        # Another user's, or a system without such files.
        return True
    return state not in ("Z", "X")
