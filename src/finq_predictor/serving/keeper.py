"""Brings what the workers have spooled into the store, and what became of it: one process for each folder of data.

``python -m finq_predictor.serving.keeper`` is started by a worker, which hands it the lock of the folder; it ends with
that worker, and another one starts the next. A line is inserted under its own id before its file is removed: whatever
happens in between, it is inserted again, and nothing is doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.log_lines import write_json_lines
from finq_predictor.domain.errors import ConfigurationError, DataError, SourceUnavailableError, StoreError
from finq_predictor.serving.lines import FailureLine, FeedbackLine, read_line
from finq_predictor.serving.spool import FOLDER, files_in, is_left

if TYPE_CHECKING:
    from finq_predictor.adapters.database.served_store import ServedStore

logger = logging.getLogger(__name__)
LOCK, STANDING, SPOILT = "keeper.lock", "keeper.json", "spoilt.jsonl"
ENDING = (signal.SIGTERM, signal.SIGINT)
"""What tells a keeper to end; whoever starts it blocks them until it can listen."""
_BATCH = 20_000
_READ = 8 * 2**20
_LONGEST_PAUSE_S = 30.0
_NICE = 5


@dataclass
class Standing:
    """How the keeper is doing; it is written beside the spool for the workers to tell.

    Attributes:
        at: When it was written, seconds since 1970.
        kept_until: All that was recorded until then is in the store, seconds since 1970.
        waiting: Lines that lie in the spool and not in the store.
        kept: Lines that this process has put into the store.
        spoilt: Lines that could not be read and lie beside the spool, and half lines of workers that were killed.
        outcomes: Outcomes that this process has put into the store.
        problem: What holds it up; empty where nothing does.
    """

    at: float = 0.0
    kept_until: float = 0.0
    waiting: int = 0
    kept: int = 0
    spoilt: int = 0
    outcomes: int = 0
    problem: str = ""


@dataclass
class _File:
    """How far a file was read and counted."""

    offset: int = 0
    counted: int = 0
    waiting: int = 0

    def move(self, end: int, lines: int) -> None:
        """Note that so many lines, up to a place, are in the store."""
        self.offset = end
        self.counted, self.waiting = (self.counted, self.waiting - lines) if self.counted >= end else (end, 0)


@dataclass
class Keeper:
    """Drains the spool of a folder into its store.

    Attributes:
        root: The folder that the service writes into.
        open_store: Gives the store where the lines go; it is asked when there are some.
        batch: Most lines in one transaction.
        chores: What is done with the store after each look, see ``Chores``.
        asked_of_the_past: Whether something was said of a bar that was not the newest, whose outcome may be known.
    """

    root: Path
    open_store: Callable[[], ServedStore]
    batch: int = _BATCH
    standing: Standing = field(default_factory=Standing)
    chores: Callable[[ServedStore, bool], int] | None = None
    asked_of_the_past: bool = False
    _files: dict[Path, _File] = field(default_factory=dict)
    _store: ServedStore | None = None

    @property
    def folder(self) -> Path:
        """Where the files of the workers lie."""
        return Layout(self.root).served / FOLDER

    def run_once(self) -> Standing:
        """Take over all that lies in the spool now; what the store does not take stays where it is.

        Returns:
            How things stand; ``problem`` says why lines still wait.
        """
        began = time.time()
        try:
            self._drain()
            self.standing.kept_until, self.standing.problem = began, ""
            # Chores take their time, and what was taken over is in the store by now.
            self._tell()
            self._do_chores()
        except (SourceUnavailableError, StoreError) as error:
            self._store = None
            # Who never reached the store is behind since it began to try.
            self.standing.kept_until = self.standing.kept_until or began
            if not self.standing.problem:
                logger.warning("What was answered waits in the spool: %s", error)
            self.standing.problem = str(error)
        self._tell()
        return self.standing

    def _do_chores(self) -> None:
        if self.chores is None:
            return
        if self._store is None:
            from finq_predictor.adapters.database.served_store import has_store

            if not has_store(self.open_store().engine):
                return
        past, self.asked_of_the_past = self.asked_of_the_past, False
        self.standing.outcomes += self.chores(self.store, past)

    @property
    def store(self) -> ServedStore:
        """The store, brought up to date when it is opened.

        Raises:
            SourceUnavailableError: If it does not answer.
            StoreError: If it refuses.
        """
        if self._store is None:
            store = self.open_store()
            store.open()
            self._store = store
        return self._store

    def _drain(self) -> None:
        """Take what all files hold now, many files in one transaction; a file that is done is removed after that."""
        gathered: list[bytes] = []
        ends: dict[Path, tuple[int, int]] = {}
        done: list[tuple[Path, bool]] = []

        def put_in() -> None:
            self._keep(gathered)
            for path, (end, lines) in ends.items():
                self._files[path].move(end, lines)
            for path, torn in done:
                self._remove(path, torn)
            for one in (gathered, ends, done):
                one.clear()

        for path in files_in(self.folder):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as opened:
                file = self._files.setdefault(path, _File())
                # Asked before the file is read: what is written after that belongs to the next look.
                left, end = is_left(opened.fileno()), file.offset
                size = os.fstat(opened.fileno()).st_size
                for lines, end in _whole_lines(opened.fileno(), file.offset, size, self.batch):
                    gathered += lines
                    ends[path] = end, ends.get(path, (0, 0))[1] + len(lines)
                    if len(gathered) >= self.batch:
                        put_in()
                if left:
                    done.append((path, size > end))
        put_in()

    def _keep(self, lines: list[bytes]) -> None:
        if not lines:
            return
        predictions: list[dict[str, Any]] = []
        feedback: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        spoilt = []
        for line in lines:
            try:
                read = read_line(line)
            except DataError:
                spoilt.append(line)
                continue
            if isinstance(read, FailureLine):
                failures.append(read.row)
            else:
                (feedback if isinstance(read, FeedbackLine) else predictions).append(read.row)
        self.store.keep(predictions, feedback, failures)
        self.asked_of_the_past |= any(row["ts"] != row["newest_ts"] for row in predictions)
        self.standing.kept += len(predictions) + len(feedback) + len(failures)
        if spoilt:
            logger.error("%d lines of the spool cannot be read; they lie in %s now.", len(spoilt), SPOILT)
            self.standing.spoilt += len(spoilt)
            with (self.folder.parent / SPOILT).open("ab") as aside:
                aside.writelines(line + b"\n" for line in spoilt)

    def _remove(self, path: Path, torn: bool) -> None:
        """Remove a file that nobody writes into and that is in the store as a whole, but for half a line at its end."""
        if torn:
            self.standing.spoilt += 1
            logger.warning("A worker was killed while it wrote; its last line was never answered and is left out.")
        path.unlink(missing_ok=True)
        self._files.pop(path, None)

    def _tell(self) -> None:
        self.standing.at = time.time()
        self.standing.waiting = sum(self._waiting(path) for path in files_in(self.folder))
        temporary = self.folder.parent / f".{STANDING}.{os.getpid()}"
        # Without forcing it to the disk: it is told anew each second.
        with contextlib.suppress(OSError):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(orjson.dumps(asdict(self.standing)))
            temporary.replace(self.folder.parent / STANDING)

    def _waiting(self, path: Path) -> int:
        """Lines of a file that are not in the store; each part of it is counted once."""
        file = self._files.setdefault(path, _File())
        with contextlib.suppress(FileNotFoundError), path.open("rb") as opened:
            opened.seek(file.counted)
            while part := opened.read(_READ):
                file.waiting += part.count(b"\n")
                file.counted += len(part)
        return file.waiting


def _whole_lines(descriptor: int, offset: int, until: int, most: int) -> Iterator[tuple[list[bytes], int]]:
    """Whole lines between two places, some at a time, and the place after them."""
    rest = b""
    # What comes meanwhile belongs to the next look, which may never end otherwise.
    while part := os.pread(descriptor, min(_READ, until - offset - len(rest)), offset + len(rest)):
        whole, _, rest = (rest + part).rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        for start in range(0, len(lines), most):
            some = lines[start : start + most]
            offset += sum(map(len, some)) + len(some)
            yield some, offset


def pause_after(failures: int, usual: float) -> float:
    """Seconds to wait before the next look, longer each time that the store does not answer."""
    return min(usual * 2.0 ** min(failures, 16), max(_LONGEST_PAUSE_S, usual))


def keep(keeper: Keeper, usual: float, ended: threading.Event) -> None:
    """Look again and again until told to end; then look once more.

    Args:
        keeper: Whose work it is.
        usual: Seconds between two looks.
        ended: Set when it is time to end.
    """
    failures = 0
    while not ended.is_set():
        failures = failures + 1 if keeper.run_once().problem else 0
        ended.wait(pause_after(failures, usual))
    keeper.run_once()


def hold_keeping(root: Path) -> int | None:
    """The lock of whoever keeps a folder that a service writes into, as an open file; None while another has it."""
    folder = Layout(root).served
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _hang_on(ended: threading.Event) -> None:
    """Wait for the other end of our input to be closed: by whoever started us, or by his end, however sudden."""
    while os.read(0, 4096):
        pass
    ended.set()


def main(words: list[str] | None = None) -> None:
    """Keep a folder of data until told to end."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--state", type=Path, help="Folder that is written into; that of the data when left out.")
    options.add_argument("--lock", type=int)
    options.add_argument("--parent", type=int, help="Who started this process and holds the other end of its input.")
    options.add_argument("--keeper-seconds", type=float, default=1.0)
    options.add_argument("--keep-predictions-days", type=int, default=1096)
    options.add_argument("--keep-users-days", type=int, default=731)
    given = options.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.suppress(ConfigurationError):
        # The service that starts this one says what is wrong with it.
        write_json_lines()
    ended = threading.Event()
    if given.parent is not None:
        threading.Thread(target=_hang_on, args=(ended,), name="finq-hang-on", daemon=True).start()
    for number in ENDING:
        signal.signal(number, lambda *_: ended.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    # The requests come first.
    os.nice(_NICE)
    from finq_predictor.serving import lean_memory

    lean_memory.begin()
    state = given.state or given.root
    if given.lock is None and hold_keeping(state) is None:
        logger.info("Another process keeps %s; this one has nothing to do.", state)
        return
    from finq_predictor.serving.chores import Chores

    predictions, users = timedelta(days=given.keep_predictions_days), timedelta(days=given.keep_users_days)
    chores = Chores(given.root, predictions, users, state)
    keeper = Keeper(state, lambda: open_store_of(state), chores=chores.run_once)
    keep(keeper, given.keeper_seconds, ended)


def open_store_of(root: Path) -> ServedStore:
    """The store of a folder that a service writes into, not brought up to date yet."""
    # Imported when there is something to keep: a server that answers nothing yet starts without it.
    from finq_predictor.adapters.database.served_store import ServedStore, store_engine

    return ServedStore(store_engine(root))


if __name__ == "__main__":
    main()
