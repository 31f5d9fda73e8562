"""A process that has everything imported and forks one run after the other, so that a run costs no start.

It reads an order a line from standard input and answers with two lines: which process does it, and how that ended.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch
from warnings import catch_warnings, simplefilter

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow import MlflowClient

STEPS: dict[str, tuple[object, str]] = {
    "replace": (os, "replace"),
    "rename": (Path, "rename"),
    "fsync": (os, "fsync"),
    "unlink": (Path, "unlink"),
    **{
        name: (MlflowClient, name)
        for name in (
            "create_run",
            "log_batch",
            "log_artifacts",
            "set_terminated",
            "create_registered_model",
            "create_model_version",
            "set_registered_model_alias",
        )
    },
}
"""What changes something that is stored: where a process may be killed just before or just after."""


@contextmanager
def watched(name: str, seen: Counter[str], die: Callable[[str, int, bool], bool]) -> Iterator[None]:
    """Count the calls of a step, and die at one of them if it is said."""
    owner, attribute = STEPS[name]
    original = getattr(owner, attribute)

    def step(*args: Any, **options: Any) -> Any:
        seen[name] += 1
        number = seen[name]
        if die(name, number, True):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if die(name, number, False):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with patch.object(owner, attribute, step):
        yield


def carry_out(project: Path, order: dict[str, Any]) -> None:
    """Run pipelines as an order says.

    Args:
        project: Root of the project.
        order: ``conf`` (folder), ``params``, ``market``, ``stages``; optionally ``aim`` (name of a step, number of the
            call, whether before it), ``largest_file`` in bytes, ``counts`` (a file for the number of calls of each step
            and what was imported).
    """
    if "largest_file" in order:
        # What would grow beyond it fails as on a disk that is full.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], order["largest_file"]))
    aim = tuple(order["aim"]) if order.get("aim") else None
    seen: Counter[str] = Counter()
    with ExitStack() as stack:
        for name in STEPS:
            stack.enter_context(watched(name, seen, lambda *at: at == aim))
        cells = [f"{stage}.{order['market']}" for stage in order["stages"]]
        session = KedroSession.create(
            project, env="chaos", conf_source=order["conf"], runtime_params=dict(order["params"])
        )
        with session:
            session.run(pipeline_names=order["stages"], namespaces=cells)
    if "counts" in order:
        Path(order["counts"]).write_text(json.dumps({"steps": seen, "modules": sorted(sys.modules)}))


def import_all(counts: Path) -> None:
    """Import whatever a run has imported, so that the next ones find it there."""
    if counts.exists():
        for name in json.loads(counts.read_text())["modules"]:
            with suppress(Exception), catch_warnings():
                simplefilter("ignore")
                import_module(name)


def main() -> None:
    """Serve orders until standard input ends."""
    project = Path(sys.argv[1])
    bootstrap_project(project)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                carry_out(project, order)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(json.dumps({"process": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)
        if "counts" in order:
            import_all(Path(order["counts"]))


if __name__ == "__main__":
    main()
