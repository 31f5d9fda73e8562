"""The recipe of the images that run pipelines: its form, its rules, as proofs each image, built and at work."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from checkers import DEPLOY, PROJECT, checker, ran
from jinja2 import Template

from serving.images import Images, require_index, require_tools, secrets_of_pip

RECIPE = DEPLOY / "docker" / "Dockerfile"
TARGETS = {"training", "data", "sentiment", "airflow", "development"}
USER = 10001


def faults(recipe: Path) -> list[str]:
    done = ran(checker("hadolint"), "--format", "json", recipe)
    return [one["code"] for one in json.loads(done.stdout)]


def test_the_recipes_have_no_known_fault(tmp_path):
    assert faults(RECIPE) == []
    template = Template((PROJECT / "bentos" / "Dockerfile.j2").read_text(encoding="utf-8"))
    rendered = tmp_path / "Dockerfile"
    rendered.write_text(template.render(__options__system_packages=["libgomp1"], __options__env={"A": "b"}))
    # Versions of Debian's packages are those of its release.
    assert set(faults(rendered)) <= {"DL3008", "DL3009", "DL3042", "DL3059", "DL3046"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("ARG BASE=docker.io/library/debian:bookworm-slim\n\nFROM ${BASE}", "FROM debian", "DL3006"),
        ("COPY src /app/src", "ADD src /app/src", "DL3020"),
        ('CMD ["finq", "--help"]', "CMD finq --help", "DL3025"),
        ("WORKDIR /app\n", "WORKDIR app\n", "DL3000"),
        ("--no-install-recommends python3 libgomp1", "python3 libgomp1", "DL3015"),
    ],
)
def test_a_mistake_is_refused(tmp_path, old, new, code):
    text = RECIPE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "Dockerfile").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert code in faults(tmp_path / "Dockerfile")


def stages(text: str) -> dict[str, tuple[str, str]]:
    """Each stage with what it begins from and what it does."""
    parts = re.split(r"^FROM (\S+) AS ([\w-]+)\n", text, flags=re.MULTILINE)[1:]
    return {parts[at + 1]: (parts[at], parts[at + 2]) for at in range(0, len(parts), 3)}


def last(found: dict[str, tuple[str, str]], stage: str, word: str) -> str | None:
    """The last line of a stage, or of what it begins from, that begins with a word."""
    while stage in found:
        begun, text = found[stage]
        if lines := re.findall(rf"^{word} (.*)$", text, re.MULTILINE):
            return str(lines[-1])
        stage = begun
    return None


def test_every_image_runs_as_nobody_and_writes_into_two_folders():
    found = stages(RECIPE.read_text(encoding="utf-8"))
    assert set(found) >= TARGETS
    for target in TARGETS:
        assert last(found, target, "USER") == f"{USER}:{USER}", target
        assert last(found, target, "VOLUME") == '["/app/data", "/var/lib/finq"]', target
        assert last(found, target, "LABEL") == f'org.opencontainers.image.title="finq-{target}"', target
        assert last(found, target, "HEALTHCHECK") == "NONE", target
    copied = re.findall(r"^COPY (?!--from)(.*)$", RECIPE.read_text(encoding="utf-8"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()[:-1]}
    assert all((PROJECT / source).exists() for source in sources)
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*", "what is not named goes to nobody"
    assert all(any(source.startswith(one[1:]) for one in ignored if one.startswith("!")) for source in sources)


def test_what_is_installed_stands_in_the_lock():
    script, extras = DEPLOY / "docker" / "requirements.py", set()
    for words in re.findall(r"python3 requirements\.py ([\w ]+) >", RECIPE.read_text(encoding="utf-8")):
        done = ran("python3.11", script, *words.split(), cwd=PROJECT)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) >= len(words.split())
        extras |= set(words.split())
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert extras == {"base", *declared} - {"all"}
    wrong = ran("python3.11", script, "lives", cwd=PROJECT)
    assert wrong.returncode == 1
    assert "pyproject.toml has no extra lives" in wrong.stderr
    airflow = (DEPLOY / "airflow" / "postgresql.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"#.*|[\w-]+==[\w.]+", line) for line in airflow)


# What each image is asked within, as its user: that what it is for is there and starts.
ASKED = {
    "training": (["mlflow", "--version"], ["kedro", "run", "--env", "test", "--pipelines", "ingestion"]),
    "data": (
        ["finq", "--help"],
        ["python", "-c", "import yfinance, feedparser"],
        ["kedro", "run", "--env", "test", "--pipelines", "ingestion"],
    ),
    "sentiment": (["finq", "--help"], ["python", "-c", "import torch, transformers"]),
    "airflow": (["/app/airflow/bin/airflow", "version"], ["kedro", "run", "--env", "test", "--pipelines", "ingestion"]),
    "development": (["python", "-m", "pytest", "--version"], ["git", "--version"], ["make", "--version"]),
}
RUNS = {"training", "data", "airflow"}
"""Targets within which a pipeline was run."""


@pytest.mark.proof
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("target", list(ASKED))
def test_each_image_is_built_and_does_what_it_is_for_as_nobody(tmp_path, target):
    require_tools()
    require_index(tmp_path, "six==1.17.0")
    images = Images(tmp_path)
    images.make_base(tmp_path)
    name, began = f"localhost/finq-{target}:proof", time.monotonic()
    secrets = [word for one in secrets_of_pip(tmp_path) for word in ("--secret", one.removeprefix("secret="))]
    options = ["--pull=never", "--network", "host", "--target", target, "--file", str(RECIPE), *secrets]
    try:
        images.buildah("bud", *options, "--build-arg", "VERSION=1", "--tag", name, str(PROJECT))
        print(f"\n{target}: built in {time.monotonic() - began:.0f} s", end="")
        told = images.inspect(name)["config"]
        assert told["User"] == f"{USER}:{USER}"
        assert set(told["Volumes"]) == {"/app/data", "/var/lib/finq"}
        assert told["Labels"]["org.opencontainers.image.version"] == "1"
        assert told["Labels"]["org.opencontainers.image.title"] == f"finq-{target}"
        # A run ends and says how it went; what stays is asked by the check of compose, which is run below.
        assert told["Healthcheck"] == {"Test": ["NONE"]}
        with images.container(name) as (container, root):
            print(f", {_megabytes(root)} MB")
            open_to_it = {
                path.relative_to(root).as_posix()
                for path in (root / "app").rglob("*")
                if not path.is_symlink() and (path.stat().st_uid == USER or path.stat().st_mode & stat.S_IWOTH)
            }
            assert open_to_it == {"app/data"}
            run = ["run", "--isolation", "chroot", "--network", "host"]
            for place in ("app/data", "var/lib/finq"):
                folder = tmp_path / place
                folder.mkdir(parents=True)
                os.chown(folder, USER, USER)
                run += ["--volume", f"{folder}:/{place}"]
            for words in ASKED[target]:
                assert images.buildah(*run, container, "--", *words) or words[0] == "python", words
            assert images.buildah(*run, container, "--", "id", "-u") == str(USER)
            if target in RUNS:
                assert list((tmp_path / "app/data").rglob("*.parquet"))
            denied = subprocess.run(
                ["buildah", *run, container, "--", "touch", "/app/one"],
                env=images.variables, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert "Permission denied" in denied.stderr
    finally:
        images.buildah("rmi", "--force", name)
        images.buildah("rmi", "--prune", "--force")


def _megabytes(root: Path) -> int:
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 2**20)
