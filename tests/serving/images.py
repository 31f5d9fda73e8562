"""Real images without an engine: a base of Debian's packages, buildah for the rest, and processes in a root of theirs.

The base takes a minute and is kept in the user's folder for caches; what is built on it is removed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BASE = "docker.io/library/debian:bookworm-slim"
_SUITE = "bookworm"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finq-predictor" / "images"
_SECONDS = 1800.0
# What images of Debian leave out as well.
_LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_PIP = ("index-url", "extra-index-url", "trusted-host", "cert", "proxy", "default-timeout", "timeout")


def require_tools() -> None:
    """Skip where an image cannot be built, with the reason."""
    if missing := [name for name in ("buildah", "debootstrap", "unshare", "chroot") if shutil.which(name) is None]:
        pytest.skip(f"no image can be built: {', '.join(missing)} not installed (Debian has them)")
    if os.getuid() != 0:
        pytest.skip("no image can be built: debootstrap and buildah's chroot isolation want root")


def require_index(folder: Path, requirement: str) -> None:
    """Skip where packages cannot be had, with the reason."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        pytest.skip(f"no image can be built: packages cannot be had: {done.stderr.strip()[-200:]}")


class Images:
    """Buildah with a store of its own.

    Args:
        cache: Folder of the store.
        run: Folder for what is over with the process.
    """

    def __init__(self, run: Path, cache: Path = _CACHE) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._cache = cache
        configuration = run / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{cache / "storage"}"\nrunroot = "{run / "run"}"\n'
        )
        self.variables = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(configuration),
            "STORAGE_DRIVER": "vfs",
            "BUILDAH_ISOLATION": "chroot",
            # The other one has no place for a health check.
            "BUILDAH_FORMAT": "docker",
        }

    def buildah(self, *words: str) -> str:
        done = subprocess.run(
            ["buildah", *words], env=self.variables, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"buildah {' '.join(words)}:\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def make_base(self, run: Path) -> None:
        """Make Debian's image of Debian's packages, where it was not made before; skip where they cannot be had."""
        if BASE in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
            return
        root = run / "base"
        words = ["debootstrap", "--variant=minbase", _SUITE, str(root)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS)
        if done.returncode != 0:
            pytest.skip(f"no image can be built: Debian's packages cannot be had: {done.stdout.strip()[-200:]}")
        for name in _LEFT_OUT:
            shutil.rmtree(root / name, ignore_errors=True)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(root), "/")
        self.buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)

    def inspect(self, name: str) -> dict[str, Any]:
        """What an image says of itself, in the form that keeps the health check."""
        found: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", name))["Docker"]
        return found

    @contextmanager
    def container(self, image: str) -> Iterator[tuple[str, Path]]:
        """A container of an image and the folder of its files."""
        name = self.buildah("from", "--pull-never", image)
        try:
            yield name, Path(self.buildah("mount", name))
        finally:
            self.buildah("rm", name)


def secrets_of_pip(folder: Path) -> list[str]:
    """Options that tell the pip of a build which index, and which certificates, the one here uses."""
    words = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    told: dict[str, str] = {}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        # What lies on this machine's disk cannot be reached from there.
        places = [one for one in value.strip("'\"").split() if not one.startswith("file:")]
        if option in _PIP and places:
            told[option] = " ".join(places)
    options = [f"secret=id=pip,src={folder / 'pip.conf'}"]
    if certificates := told.pop("cert", None):
        options.append(f"secret=id=ca,src={certificates}")
        told["cert"] = "/run/secrets/ca"
    lines = ["[global]", *(f"{option} = {value}" for option, value in told.items())]
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    return options
