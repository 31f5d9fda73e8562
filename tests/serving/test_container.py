"""What is done before the service starts in a container: places to write in, or one sentence about what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.container import command, prepare
from serving.read_only import read_only_but

STARTED = (sys.executable, "-m", "finq_predictor.serving.container")
PREPARED = """
import json, sys
from pathlib import Path
from finq_predictor.serving.container import prepare
print(json.dumps(prepare(Path(sys.argv[1]))), flush=True)
sys.stdin.read()
"""


def prepared(state: Path) -> subprocess.Popen[str]:
    """A process that has prepared a folder and lives until its input ends."""
    words = [sys.executable, "-c", PREPARED, str(state)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def places_of(process: subprocess.Popen[str]) -> dict[str, Path]:
    assert process.stdout is not None
    return {name: Path(place) for name, place in json.loads(process.stdout.readline()).items()}


def test_places_last_as_long_as_the_process_that_holds_them(short_folder):
    """Containers that share a volume leave each other alone; what was left by one that was killed is removed."""
    state = short_folder / "state"
    with prepared(state) as first:
        mine = places_of(first)
        assert all(place.is_relative_to(state) for place in mine.values())
        assert mine["TMPDIR"].is_dir()
        assert mine["TMPDIR"].stat().st_mode & 0o077 == 0, "nobody else reads what is left there"
        (mine["TMPDIR"] / "left").write_text("over")
        (mine["NUMBA_CACHE_DIR"] / "kept").write_text("machine code")
        with prepared(state) as second:
            theirs = places_of(second)
            assert theirs["TMPDIR"] != mine["TMPDIR"]
            assert theirs["NUMBA_CACHE_DIR"] == mine["NUMBA_CACHE_DIR"], "compiled once"
            assert (mine["TMPDIR"] / "left").exists(), "its process lives"
        first.kill()
    with prepared(state) as third:
        places = places_of(third)
        assert list((state / "run").iterdir()) == [places["TMPDIR"]]
        assert (places["NUMBA_CACHE_DIR"] / "kept").exists()


def test_it_serves_what_is_named_with_the_options_that_were_given():
    words = command({"BENTO_PATH": "/app/bento"}, ["--port", "9000"])
    assert words == [sys.executable, "-m", "bentoml", "serve", "--port", "9000", "/app/bento"]
    with pytest.raises(ConfigurationError, match="BENTO_PATH is not set"):
        command({}, [])


def test_a_place_that_is_no_folder_is_named(short_folder):
    (short_folder / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/state cannot be written .* Mount a volume there"):
        prepare(short_folder / "file" / "state")


def test_a_name_that_leaves_no_room_for_sockets_is_refused(tmp_path):
    """BentoML would end with an assertion that says nothing."""
    with pytest.raises(ConfigurationError, match=r"too long for the sockets .* at most 45 letters"):
        prepare(tmp_path / ("long" * 20))
    assert not (tmp_path / ("long" * 20)).exists()


@pytest.mark.parametrize("read_only", [False, True], ids=["another user's", "read-only"])
def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(read_only, short_folder):
    other, state = short_folder / "other", short_folder / "state"
    other.mkdir()
    state.mkdir()
    if not read_only:
        os.chown(state, 10001, 10001) if os.getuid() == 0 else pytest.skip("only root can give a folder away")
        state.chmod(0o500)
    before = read_only_but(other if read_only else state)
    told = {**os.environ, "FINQ_STATE_ROOT": str(state), "BENTO_PATH": "nowhere"}
    done = subprocess.run([*before, *STARTED], env=told, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    reason = "Read-only file system" if read_only else "Permission denied"
    assert f"The service does not start. The folder {state} cannot be written by user" in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
