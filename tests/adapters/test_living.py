"""Who runs, who has ended and waits to be noticed, and who was never there."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from finq_predictor.adapters.living import is_alive


def test_a_process_that_has_ended_is_not_alive_before_anybody_noticed():
    assert is_alive(os.getpid())
    assert is_alive(1)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(process.pid)
    process.kill()
    end = time.monotonic() + 20
    while is_alive(process.pid):
        assert time.monotonic() < end
        time.sleep(0.01)
    # Nobody has asked how it ended: it still has its number.
    os.kill(process.pid, 0)
    process.communicate()
    assert not is_alive(process.pid)
