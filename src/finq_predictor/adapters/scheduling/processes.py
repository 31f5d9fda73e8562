"""A try of a job as a group of processes, which outlives the scheduler and can be met again.

What runs holds the lock of its job: the system gives it back when the last process of the group is gone, however it
went, and no other try of the job can begin before, whoever starts it. How it ended lies in a file beside what it wrote.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from finq_predictor.adapters.environment.reading import given

OUTPUT, EXIT, GROUP = "output.log", "exit", "group"
KEPT = 200
# What this process started may outlive the scheduler that asked for it, and is held until it has ended.
_not_buried: set[subprocess.Popen[bytes]] = set()
# The shell notes its own number, which is that of the group, and how the command ended. It goes on when it is asked to
# end, so that it can note how the command took it.
_SHELL = (
    'trap : TERM INT; echo $$ > "$0/group.part"; mv "$0/group.part" "$0/group";'
    ' "$@" > "$0/output.log" 2>&1 < /dev/null; code=$?; echo $code > "$0/exit.part";'
    ' mv "$0/exit.part" "$0/exit"; exit $code'
)


class Tries:
    """The tries of all jobs below one folder.

    Args:
        folder: Folder of the scheduler.
    """

    def __init__(self, folder: Path) -> None:
        self._locks, self._runs = folder / "jobs", folder / "runs"
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def turn(self, job: str) -> Iterator[int | None]:
        """Take the lock of a job, to start a try with it; None where something of the job runs."""
        self._locks.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._locks / f"{job}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield None
            return
        try:
            yield descriptor
        finally:
            # Only this copy: the lock is gone when no process has one any more.
            os.close(descriptor)

    def prepare(self, name: str) -> None:
        """Make the folder of a try anew; before anybody can take it for one that has begun."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        for left in (EXIT, GROUP, OUTPUT):
            (folder / left).unlink(missing_ok=True)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], place: Path, lock: int
    ) -> subprocess.Popen[bytes]:
        """Start a try in a session of its own.

        Args:
            name: Of the try, which is prepared.
            command: Words of the command.
            environment: Variables beside those of this process.
            place: Working directory.
            lock: The lock of its job, as :meth:`turn` gives it.
        """
        started = subprocess.Popen(
            ["/bin/sh", "-c", _SHELL, str(self.folder(name).resolve()), *command],
            cwd=place,
            env={**given(), **environment},
            stdin=subprocess.DEVNULL,
            # Of its own, so that it goes on where a scheduler, and whoever read its lines, are gone.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
        )
        self._started[name] = started
        _not_buried.add(started)
        return started

    def is_running(self, job: str) -> bool:
        """Whether a process of the job is left, whoever started it."""
        for name, started in list(self._started.items()):
            if started.poll() is not None:
                del self._started[name]
        # Those that ended are buried, so that the system can forget them.
        _not_buried.difference_update([started for started in _not_buried if started.poll() is not None])
        with self.turn(job) as lock:
            return lock is None

    def exit_code(self, name: str) -> int | None:
        """How a try ended; None where nobody could note it, because all its processes were killed."""
        return _number(self.folder(name) / EXIT)

    def signal(self, name: str, which: signal.Signals) -> None:
        """Send a signal to every process of a try; of one that is gone already, to none."""
        group = _number(self.folder(name) / GROUP)
        if group is None and (started := self._started.get(name)) is not None:
            group = started.pid
        if group is not None:
            try:
                os.killpg(group, which)
            except ProcessLookupError:
                return

    def folder(self, name: str) -> Path:
        """Where what a try wrote lies, and how it ended."""
        return self._runs / name

    def output(self, name: str) -> Path:
        """What a try wrote."""
        return self.folder(name) / OUTPUT

    def prune(self, open_names: frozenset[str]) -> None:
        """Remove what old runs wrote, except those that are open."""
        if not self._runs.is_dir():
            return
        folders = sorted(self._runs.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for old in folders[KEPT:]:
            if old.name not in open_names:
                shutil.rmtree(old, ignore_errors=True)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
