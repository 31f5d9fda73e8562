"""What runs say on a schedule, kept where the API keeps what it answers, by the same lines and the same keeper."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secrets import masked
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.modelling.conformal import YES
from finq_predictor.domain.modelling.statements import StatedBar, Statement
from finq_predictor.serving.keeper import Keeper, Standing, hold_keeping, open_store_of
from finq_predictor.serving.lines import prediction_line, statement, user_in_json
from finq_predictor.serving.settings import given_for
from finq_predictor.serving.spool import FOLDER, Spool

logger = logging.getLogger(__name__)
ASKED_BY = "schedule"
"""Who asked, of what is said without anybody asking."""
_MOST = 2**30


class StatementsDataset(AbstractDataset[StatedBar, None]):
    """Records what was said; write only.

    What is saved lies in the spool first, forced to the disk, and then in the store: a service that keeps this folder
    puts it there, else this process does. It is said once, however often a run says it.

    Args:
        root: Folder of the data; the folder that ``FINQ_STATE_ROOT`` names goes before it, as for the API.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(self, *, root: str, metadata: dict[str, Any] | None = None) -> None:
        self._root = Path(root)
        self.metadata = metadata

    def save(self, data: StatedBar) -> None:
        """Record it.

        Raises:
            StoreError: If the disk takes no line, or the store none: what was said waits in the spool then.
        """
        state = Path(given_for("state_root") or self._root)
        record(state, data)
        standing = store_now(self._root, state)
        count = f"{len(data.statements):,} predictions of {data.market}"
        if standing is None:
            logger.info("%s are recorded; the service that keeps %s stores them.", count, state)
        elif standing.problem:
            raise StoreError(
                f"{count} wait in the spool below {state} ({standing.waiting:,} lines in all): {standing.problem} The "
                "next run, the service, or `finq served drain` stores them; nothing is lost."
            )
        else:
            logger.info("%s are stored, of the bar of %s.", count, data.ts.isoformat())

    def load(self) -> None:
        """Refuse: the store is asked by its commands and routes."""
        raise DatasetError("What was said is write only here; ask with `finq score-card` or the API.")

    def _exists(self) -> bool:
        return False

    def _describe(self) -> dict[str, Any]:
        return masked({"root": self._root.as_posix()})


def record(state: Path, data: StatedBar) -> None:
    """Put what was said into the spool.

    Args:
        state: Folder that is written into.
        data: What was said.

    Raises:
        StoreError: If the disk does not take it.
    """
    spool = Spool(Layout(state).served / FOLDER, _MOST, fsync=True)
    try:
        if not spool.record(b"".join(_lines(data))):
            raise StoreError(
                f"What was said of {data.market} cannot be recorded below {state}: the disk refuses, or more than "
                f"{_MOST // 2**20:,} MB wait to be stored. Free the disk, or run: finq served drain"
            )
    finally:
        spool.close()


def store_now(root: Path, state: Path) -> Standing | None:
    """Store what lies in the spool; None where a service keeps the folder, which does so within seconds."""
    from finq_predictor.serving.chores import Chores

    lock = hold_keeping(state)
    if lock is None:
        return None
    try:
        return Keeper(state, lambda: open_store_of(state), chores=Chores(root, state=state).run_once).run_once()
    except FinqError as error:
        # Such as an address that is none: what was said is safe all the same.
        return Standing(waiting=0, problem=str(error))
    finally:
        os.close(lock)


def _lines(data: StatedBar) -> Iterator[bytes]:
    moment = data.said_at.value // 1000
    request = f"{ASKED_BY}-{data.market}-{data.ts:%Y%m%dT%H%M}-{data.version}".encode()
    who = user_in_json(ASKED_BY)
    for one in data.statements:
        yield prediction_line(data.id_of(one).encode(), request, moment, who, _said(data, one))


def _said(data: StatedBar, one: Statement) -> bytes:
    """The statement as the API writes it, see `serving.recording.said_of`."""
    bar = data.ts.isoformat()
    return statement(
        market=data.market,
        instrument=one.instrument,
        # What is known of an instrument is known at this bar, where it closed.
        feature_ts=bar,
        newest_ts=bar,
        horizon=data.horizon,
        model=data.model,
        version=data.version,
        snapshot=data.snapshot or None,
        probability=one.probability,
        decision=one.decision,
        reason=one.reason,
        flags=one.flags,
        prediction_set=None if one.prediction_set is None else [int(answer == YES) for answer in one.prediction_set],
    )
