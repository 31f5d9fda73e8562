"""The process of a trial: builds a bundle of the bytes it is given, asks it once and writes the answers."""

from __future__ import annotations

import json
import resource
import sys
from typing import BinaryIO, TextIO


def main(memory: int, seconds: int, given: BinaryIO, said: TextIO) -> None:
    """Read a bundle, write its answers or why it cannot be read.

    Args:
        memory: Bytes of address space at most.
        seconds: Seconds of computing at most.
        given: One line of JSON with the folder and the sizes of the files, then the files.
        said: Takes one JSON object.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # After the limits, so that they hold for the imports too.
    from finq_predictor.adapters.bundle_store import build_bundle
    from finq_predictor.domain.errors import FinqError
    from finq_predictor.serving.lean_imports import without_learning
    from finq_predictor.serving.trial import ask

    head = json.loads(given.readline())
    parts = {name: given.read(size) for name, size in head["sizes"].items()}
    try:
        answers = without_learning(lambda: ask(build_bundle(parts, head["folder"])))
        json.dump({"answers": answers}, said)
    except FinqError as error:
        json.dump({"problem": str(error)}, said)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer, sys.stdout)
