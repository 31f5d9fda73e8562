"""The image of a bento: built, looked into, started as the user it names on files it cannot change, asked and ended.

Building it takes minutes, so this is a proof; ``test_bentos`` holds the bento to the same without an image.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from serving.images import Images, require_index, require_tools, secrets_of_pip
from serving.servers import BIN, free_port
from serving.test_bentos import copied

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3000)]
NAME = "localhost/finq-api:proof"
USER = 10001
# Where every image lets anybody write; what is there belongs to nobody else.
ANYBODY = {"tmp", "var/tmp", "run/lock", "dev/shm", "dev/mqueue"}
_READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind /etc/hosts "$1/etc/hosts"
mount --bind "$2" "$1/var/lib/finq"
exec chroot --userspec="$3" "$1" "${@:4}"
"""


LARGEST = 1_050_000_000
"""Bytes of all files, most of them of libraries: numba's compiler, Arrow, SciPy."""


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Images:
    require_tools()
    run = tmp_path_factory.mktemp("images")
    require_index(run, "six==1.17.0")
    made = Images(run)
    made.make_base(run)
    return made


@pytest.fixture(scope="module")
def image(images, project_path, two_markets, tmp_path_factory) -> Iterator[str]:
    """An image, built as docs/how-to/run-an-image.md says."""
    copy = copied(project_path, tmp_path_factory.mktemp("project"))
    variables = images.variables | {"BENTOML_HOME": str(copy / "home"), "FINQ_DATA_ROOT": str(two_markets)}
    # BentoML looks for its own copy of the template below the working folder.
    (copy / "work").mkdir()
    variables["TMPDIR"] = str(copy / "work")
    build = [str(BIN / "bentoml"), "build", "--output", "tag"]
    contain = [str(BIN / "bentoml"), "containerize", "finq-api:latest", "--backend", "buildah", "--image-tag", NAME]
    given = [*secrets_of_pip(copy), "network=host", "build-arg=VERSION=0.1.0"]
    options = [word for one in given for word in ("--opt", one)]
    for command, folder in ((build, "bentos"), ([*contain, *options], "work")):
        done = subprocess.run(
            command, cwd=copy / folder, env=variables, capture_output=True, text=True, timeout=2400, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    yield NAME
    images.buildah("rmi", "--force", NAME)
    images.buildah("rmi", "--prune", "--force")


def test_the_image_says_how_it_is_run(image, images):
    told = images.inspect(image)["config"]
    assert told["User"] == f"{USER}:{USER}"
    assert list(told["Volumes"]) == ["/var/lib/finq"]
    assert list(told["ExposedPorts"]) == ["8000/tcp"]
    assert told["Entrypoint"] == ["python", "-m", "finq_predictor.serving.container"]
    assert "/ready" in told["Healthcheck"]["Test"][-1]
    assert told["Labels"]["org.opencontainers.image.version"] == "0.1.0"
    secrets = [one for one in told["Env"] if any(word in one for word in ("SECRET", "TOKEN", "PASSWORD", "URL"))]
    assert secrets == []


def test_the_user_of_the_image_can_write_into_one_folder(image, images):
    """By owner and mode: nothing else belongs to the user or can be written by anybody; nobody can become root."""
    with images.container(image) as (_, root):
        writable, rising, size = set(), set(), 0
        for place, folders, files in os.walk(root):
            for name in [*folders, *files]:
                path = Path(place, name)
                found = path.lstat()
                if stat.S_ISLNK(found.st_mode):
                    continue
                size += found.st_size if stat.S_ISREG(found.st_mode) else 0
                if USER in (found.st_uid, found.st_gid) or found.st_mode & 0o002:
                    writable.add(path.relative_to(root).as_posix())
                if stat.S_ISREG(found.st_mode) and found.st_mode & 0o6000:
                    rising.add(path.relative_to(root).as_posix())
        assert "var/lib/finq" in writable
        assert {one for one in writable if not one.startswith("dev/")} <= {"var/lib/finq", *ANYBODY}
        assert rising == set()
        assert size < LARGEST
        assert not list(root.glob("app/venv/lib/python3*/site-packages/pip/__init__.py")), "nothing is installed later"
        assert not (root / "etc/pip.conf").exists() or not (root / "etc/pip.conf").read_text(), "left in no layer"


@contextmanager
def started(command: list[str], variables: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """The process of a server in an image; it has to end within seconds of being told to."""
    with log.open("w") as output:
        outer = subprocess.Popen(
            command, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            end = time.monotonic() + 120
            while (found := _of_user(outer.pid)) is None:
                assert outer.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < end, log.read_text()[-3000:]
                time.sleep(0.1)
            yield found
            found.send_signal(signal.SIGTERM)
            outer.wait(timeout=15)
        finally:
            if outer.poll() is None:
                os.killpg(outer.pid, signal.SIGKILL)
                outer.wait(timeout=30)


def _of_user(pid: int) -> psutil.Process | None:
    """The first process of the image's user, itself or below."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
        return next((one for one in family if set(one.uids()) == {USER} and "python" in one.name()), None)
    except psutil.NoSuchProcess:
        return None


def asked(server: psutil.Process, url: str, key: dict[str, str], log: Path) -> None:
    """Ask what is asked of a service that has just been started."""
    end = time.monotonic() + 240
    while True:
        try:
            ready = httpx.get(f"{url}/ready", timeout=10)
            if ready.status_code == 200:
                break
        except httpx.HTTPError:
            pass
        assert server.is_running(), log.read_text()[-3000:]
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.3)
    assert ready.json()["status"] == "ok"
    question = {"url": f"{url}/predict", "json": {"instrument": "AAPL"}, "timeout": 30}
    assert httpx.post(**question).status_code == 401
    answer = httpx.post(**question, headers=key).json()
    assert (answer["market"], answer["recorded"]) == ("equity", True)
    assert "finq_ready 1" in httpx.get(f"{url}/metrics", headers=key, timeout=30).text


def test_it_is_started_asked_and_ended(image, images, tmp_path):
    """Twice: by buildah, and where the system refuses to change any file but those of the volume."""
    state, log = tmp_path / "state", tmp_path / "log"
    state.mkdir()
    os.chown(state, USER, USER)
    told = images.inspect(image)["config"]
    entry = told["Entrypoint"]
    with images.container(image) as (name, root):
        run = ["run", "--isolation", "chroot", "--network", "host", "--volume", f"{state}:/var/lib/finq"]
        # Accounts are made in the image itself, by its user.
        images.buildah(*run, name, "--", "finq", "auth", "add", "desk", "--role", "predictor")
        key = images.buildah(*run, name, "--", "finq", "auth", "key", "desk").splitlines()[0]
        header = {"Authorization": f"Bearer {key}"}
        port = free_port()
        words = ["buildah", *run, "--env", f"BENTOML_PORT={port}", name, "--", *entry]
        with started(words, images.variables, log) as server:
            asked(server, f"http://127.0.0.1:{port}", header, log)
            healthy = ["buildah", *run, "--env", f"BENTOML_PORT={port}", name, "--", *told["Healthcheck"]["Test"][1:]]
            assert subprocess.run(healthy, env=images.variables, timeout=60).returncode == 0
            assert {one.uids().real for one in [server, *server.children(recursive=True)]} == {USER}
        unhealthy = subprocess.run(healthy, env=images.variables, capture_output=True, timeout=60)
        assert unhealthy.returncode == 1, "nobody answers any more"
        variables = dict(one.split("=", 1) for one in told["Env"])
        variables |= {"BENTOML_PORT": str(port), "HOME": "/nonexistent"}
        script = ["unshare", "--mount", "--", "bash", "-c", _READ_ONLY, "image", str(root), str(state)]
        with started([*script, f"{USER}:{USER}", *entry], variables, log) as server:
            asked(server, f"http://127.0.0.1:{port}", header, log)
            written = subprocess.run(
                [*script, f"{USER}:{USER}", "touch", "/tmp/one", "/app/one", "/var/lib/finq/one"],
                env=variables,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert written.stderr.count("Read-only file system") == 2
            assert (state / "one").exists()
