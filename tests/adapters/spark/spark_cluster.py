"""A cluster of Spark on this machine: a master and workers, each a process, as its own scripts start them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from spark_environment import PROJECT, PYTHON

CLASSES = "org.apache.spark.deploy"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """Address of a master that has so many workers of one core each."""
    port, host = free_port(), "127.0.0.1"
    # What a worker hands on to the processes of its tasks: where the product lies, which is not installed here.
    told = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "SPARK_LOCAL_IP": host, "SPARK_WORKER_DIR": str(folder)}
    home = next((PYTHON.parents[1] / "lib").glob("python*/site-packages/pyspark"))
    told |= {"SPARK_HOME": str(home), "PYSPARK_PYTHON": str(PYTHON)}
    spark_class = home / "bin" / "spark-class"
    address = f"spark://{host}:{port}"
    with ExitStack() as stack:

        def start(name: str, *words: str) -> Path:
            log = folder / f"{name}.log"
            output = stack.enter_context(log.open("w"))
            command = [spark_class, *words]
            process = subprocess.Popen(command, env=told, stdout=output, stderr=subprocess.STDOUT)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            return log

        ports = ("--host", host, "--port", str(port), "--webui-port", str(free_port()))
        log = start("master", f"{CLASSES}.master.Master", *ports)
        for number in range(workers):
            mine = ("--host", host, "--cores", "1", "--memory", "1500m", "--webui-port", str(free_port()))
            start(f"worker-{number}", f"{CLASSES}.worker.Worker", *mine, address)
        until = time.monotonic() + 120
        while (text := log.read_text()).count("Registering worker") < workers:
            assert time.monotonic() < until, text[-3000:]
            time.sleep(0.2)
        yield address


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    with cluster(place) as master:
        print(master, flush=True)
        sys.exit(subprocess.call([word.replace("MASTER", master) for word in sys.argv[2:]]))
