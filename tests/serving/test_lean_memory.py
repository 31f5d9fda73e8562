"""What was freed is given back to the system, and a C library that knows nothing of it is no trouble."""

from __future__ import annotations

import subprocess
import sys

import pytest

from finq_predictor.serving import lean_memory

READS = """
import gc, threading
import numpy as np, psutil, pyarrow as pa
from finq_predictor.serving import lean_memory

def rss():
    return psutil.Process().memory_info().rss / 2**20

def read():
    # Many small pieces, of which one in a thousand stays, and a large one of Arrow's.
    pieces = [bytes(1000) for _ in range(60_000)]
    kept.append(pieces[::1000])
    pa.array(np.zeros(5_000_000)).take(pa.array(np.arange(5_000_000)))

kept = []
pa.array(np.zeros(9)).take(pa.array([1]))
lean_memory.begin()
assert pa.default_memory_pool().backend_name == "system"
before = rss()
for _ in range(4):
    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
gc.collect()
lean_memory.give_back()
print(rss() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only the C library of GNU gives memory back")
def test_a_process_that_has_read_much_is_small_again():
    done = subprocess.run([sys.executable, "-c", READS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 12


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(lean_memory.ctypes, "CDLL", lambda _: object())
    lean_memory.begin()
    lean_memory.give_back()
