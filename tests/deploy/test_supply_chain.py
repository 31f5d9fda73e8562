"""What the product is made of, and what is looked for in it: each looker finds what was planted."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from checkers import PROJECT, checker, ran

LOCK = PROJECT / "constraints.txt"
BANDIT = ("--quiet", "--recursive", "--severity-level", "medium", "--confidence-level", "medium")


def pinned(text: str) -> set[tuple[str, str]]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;]+)", text, re.MULTILINE)
    return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in found}


def listed(lock: Path, out: Path) -> set[tuple[str, str]]:
    """What the list of packages says that is made as the Makefile makes it."""
    recipe = ran("make", "-n", "sbom", cwd=PROJECT).stdout
    words = next(line for line in recipe.splitlines() if "cyclonedx-py" in line).split()[1:]
    given = [
        str(out) if word == "build/sbom.json" else str(lock) if word == "constraints.txt" else word for word in words
    ]
    done = ran(checker("cyclonedx-py"), *given, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["bomFormat"] == "CycloneDX"
    assert told["metadata"]["component"]["name"] == "finq-predictor"
    return {(one["name"].lower(), one["version"]) for one in told["components"] if one["purl"].startswith("pkg:pypi/")}


def test_every_package_of_the_lock_is_listed(tmp_path):
    text = LOCK.read_text(encoding="utf-8")
    everything = pinned(text)
    assert len(everything) > 200
    found = {(re.sub(r"[-_.]+", "-", name), version) for name, version in listed(LOCK, tmp_path / "sbom.json")}
    assert found == everything
    shorter = tmp_path / "constraints.txt"
    shorter.write_text(re.sub(r"^pandas==.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    missing = everything - {(re.sub(r"[-_.]+", "-", n), v) for n, v in listed(shorter, tmp_path / "shorter.json")}
    assert {name for name, _ in missing} == {"pandas"}


def test_our_code_has_no_known_way_to_be_attacked(tmp_path):
    folders = [PROJECT / name for name in ("src", "deploy", "bentos")]
    done = ran(checker("bandit"), *BANDIT, *folders)
    assert done.returncode == 0, done.stdout
    (tmp_path / "one.py").write_text(
        "import subprocess, yaml\n\n\ndef run(words, text):\n"
        "    subprocess.run(f'ls {words}', shell=True)\n    return yaml.load(text, Loader=yaml.Loader)\n"
    )
    planted = ran(checker("bandit"), *BANDIT, tmp_path)
    assert planted.returncode == 1
    assert {"B602", "B506"} <= set(re.findall(r"B\d{3}", planted.stdout))


# Written in two, so that the file you read holds none.
PLANTED = {
    "AWS Access Key": "key = 'AKIA" + "QWERTYUIOPASDFGH'\n",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789\n",
    "Basic Auth Credentials": "url = 'postgresql://finq:" + "hunter2hunter2@db.example/finq'\n",
    "Secret Keyword": "password = '" + "correct-horse-battery-staple'\n",
    "Slack Token": "token = 'xoxb-" + "123456789012-123456789012-abcdefABCDEF123456abcdef'\n",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_secret_is_found_where_somebody_left_one(tmp_path, kind):
    file = tmp_path / "settings.py"
    file.write_text(PLANTED[kind])
    done = ran(checker("detect-secrets-hook"), "--no-verify", file)
    assert done.returncode == 1, "nobody noticed"
    assert kind in done.stdout


@pytest.mark.proof
def test_no_file_holds_a_secret_that_nobody_has_looked_at():
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout of git, which says what files there are")
    checker("detect-secrets-hook")
    done = ran("make", "scan", cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
