"""What GitHub runs: valid, safe, and nothing but the targets that a person calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkers import PROJECT, checker, ran

FOLDER = PROJECT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
OFFLINE = ("--offline", "--no-progress", "--color=never")


def jobs() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each job with its name and its workflow."""
    read = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES}
    return [(f"{name}.{job}", one, flow) for name, flow in read.items() for job, one in flow["jobs"].items()]


def test_all_are_valid_and_safe():
    assert {file.stem for file in FILES} == {"checks", "release", "deploy"}
    valid = ran(checker("actionlint"), *FILES)
    assert valid.returncode == 0, valid.stdout
    safe = ran(checker("zizmor"), *OFFLINE, PROJECT / ".github")
    assert safe.returncode == 0, safe.stdout


@pytest.mark.parametrize(
    ("program", "file", "old", "new", "said"),
    [
        ("actionlint", "checks.yml", "    name: Tests\n", "    name: Tests\n    needs: [linting]\n", "job-needs"),
        ("actionlint", "checks.yml", "timeout-minutes: 60", "timeouts-minutes: 60", "unexpected key"),
        ("actionlint", "deploy.yml", "inputs.version }}\n", "inputs.versions }}\n", "versions"),
        (
            "zizmor",
            "checks.yml",
            "run: make lint",
            "run: echo ${{ github.head_ref }}",
            "template-injection",
        ),
        ("zizmor", "checks.yml", "checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "checkout@v4", "unpinned-uses"),
        ("zizmor", "checks.yml", "permissions: {contents: read}", "permissions: write-all", "excessive-permissions"),
        ("zizmor", "checks.yml", "  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
        ("zizmor", "checks.yml", "        with: {persist-credentials: false}\n", "", "artipacked"),
    ],
)
def test_a_mistake_is_refused(tmp_path, program, file, old, new, said):
    text = (FOLDER / file).read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / ".github" / "workflows" / file
    wrong.parent.mkdir(parents=True)
    wrong.write_text(text.replace(old, new, 1), encoding="utf-8")
    options = OFFLINE if program == "zizmor" else ()
    done = ran(checker(program), *options, wrong, cwd=tmp_path)
    assert done.returncode != 0, "nobody noticed"
    assert said in done.stdout


def called(steps: list[dict[str, Any]]) -> list[str]:
    return [step["run"].strip() for step in steps if "run" in step]


def test_jobs_call_what_a_person_calls():
    """Every step is one target of the Makefile, which takes the settings of its job."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^(\w+) *\?=", makefile, re.MULTILINE)) | {"CLUSTER"}
    targets = set()
    for name, job, flow in jobs():
        settings = {**flow.get("env", {}), **job.get("env", {})}
        for step in job["steps"]:
            settings |= step.get("env", {})
        assert set(settings) <= known, name
        for command in called(job["steps"]):
            if command.startswith("aws eks update-kubeconfig"):
                continue
            assert re.fullmatch(r"make( [a-z-]+)+", command), f"{name}: {command}"
            targets |= set(command.split()[1:])
    assert {"lint", "test", "proofs", "scan", "sbom", "bento", "image", "api-image", "chart", "deploy"} <= targets
    for target in targets:
        done = ran("make", "-n", target, cwd=PROJECT)
        assert done.returncode == 0, done.stderr


def test_nothing_is_deployed_without_somebody_who_agrees():
    for name, job, flow in jobs():
        assert job["timeout-minutes"], name
        assert flow["permissions"] == {}, name
        # Only who says so gets a token of the cloud, and then within an environment, which can ask for approval.
        assert ("id-token" in job["permissions"]) == ("environment" in job), name
        assert "write-all" not in str(job["permissions"])
        uses = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"(actions|aws-actions)/[\w-]+@[0-9a-f]{40}", one) for one in uses), name
    (deploy,) = [flow for name, _, flow in jobs() if name == "deploy.deploy"]
    assert set(deploy[True]) == {"workflow_dispatch"}, "by hand alone"


def test_images_that_are_built_are_stages_of_the_recipe():
    recipe = (PROJECT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", recipe, re.MULTILINE))
    for name, job, _ in jobs():
        named = set(job.get("strategy", {}).get("matrix", {}).get("image", []))
        assert named <= stages, name


def test_updates_are_asked_for(tmp_path: Path):
    read = yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert [one["package-ecosystem"] for one in read["updates"]] == ["github-actions"]
    wrong = tmp_path / ".github" / "dependabot.yml"
    wrong.parent.mkdir()
    wrong.write_text(
        (PROJECT / ".github" / "dependabot.yml").read_text().replace("    cooldown: {default-days: 7}\n", "")
    )
    done = ran(checker("zizmor"), *OFFLINE, tmp_path / ".github")
    assert "dependabot-cooldown" in done.stdout
