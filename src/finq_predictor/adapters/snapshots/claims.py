"""One run at a time writes a stage of a market; who comes second waits, and is told for whom."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.domain.errors import StoreError

WAIT_S = 1800.0
_TRY_S = 0.2
_SAY_S = 30.0

logger = logging.getLogger(__name__)


class Claims:
    """The stages that a run writes, claimed for it alone.

    The system gives a claim back when its process dies, however it dies; a note beside it only says whose it is.

    Args:
        folder: Where the claims of one market lie.
        stages: Names of the stages.
        by: How the run was started.
    """

    def __init__(self, folder: Path, stages: Iterable[str], by: str) -> None:
        self.folder, self.by = folder, by
        # Everybody claims in the same order, so that no two wait for each other.
        self._locks = {stage: FileLock(folder / f"{stage}.lock") for stage in sorted(stages)}

    def take(self, wait_s: float = WAIT_S) -> None:
        """Claim the stages, waiting for whoever has one of them.

        Args:
            wait_s: Longest wait in seconds.

        Raises:
            StoreError: If another run still has one of them then; names it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + wait_s
        try:
            for stage, lock in self._locks.items():
                self._take(stage, lock, until)
                self._sign(stage)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Let others write."""
        for stage, lock in self._locks.items():
            if lock.is_locked:
                self._note(stage).unlink(missing_ok=True)
                lock.release()

    def _take(self, stage: str, lock: FileLock, until: float) -> None:
        said = float("-inf")
        while True:
            try:
                lock.acquire(timeout=_TRY_S)
            except Timeout:
                left = until - time.monotonic()
                if left <= 0:
                    raise StoreError(
                        f"The {stage} of {self.folder.parent.name} below {self.folder.parents[2]} is being written by "
                        f"{self._holder(stage)}. Wait until it is done, stop it, or give this run another data_root."
                    ) from None
                if time.monotonic() - said > _SAY_S:
                    logger.warning(
                        "Waiting for %s, which writes the %s of %s; %.0f s at most.",
                        self._holder(stage),
                        stage,
                        self.folder.parent.name,
                        left,
                    )
                    said = time.monotonic()
            else:
                return

    def _sign(self, stage: str) -> None:
        holder = {
            "process": os.getpid(),
            "machine": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": self.by,
        }
        write_text_atomically(self._note(stage), json.dumps(holder))

    def _holder(self, stage: str) -> str:
        try:
            holder = json.loads(self._note(stage).read_bytes())
            return (
                f"process {holder['process']} on {holder['machine']} since {holder['since']} "
                f"(`{holder['by'] or 'unknown'}`)"
            )
        except (OSError, ValueError, KeyError):
            return "another run"

    def _note(self, stage: str) -> Path:
        return self.folder / f"{stage}.json"
