"""The picture of the stack shows what compose starts, and can be read."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import yaml
from checkers import DEPLOY, PROJECT, ran

from chromium import running_chromium

SCRIPT = DEPLOY / "compose" / "draw.py"
PICTURE = PROJECT / "docs" / "images" / "stack.svg"
# Every text on the picture that leaves it, or touches another one.
CROWDED = """() => {
    const texts = [...document.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
    const whole = document.documentElement.getBoundingClientRect();
    const outside = box => box.left < whole.left || box.right > whole.right || box.bottom > whole.bottom;
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom;
    const within = (a, b) => a.top > b.top && a.bottom < b.bottom && a.left < b.right && a.right > b.left;
    const found = texts.filter(([_, box]) => outside(box));
    for (const [i, [said, a]] of texts.entries())
        for (const [other, b] of texts.slice(i + 1))
            if (meet(a, b)) found.push([said + ' / ' + other]);
    const boxes = [...document.querySelectorAll('rect')].slice(1).map(one => one.getBoundingClientRect());
    for (const [said, a] of texts)
        for (const b of boxes)
            if (within(a, b) && (a.left < b.left || a.right > b.right)) found.push([said + ' leaves its box']);
    return found.map(one => one[0]);
}"""


def drawn(tmp_path: Any) -> str:
    done = ran(sys.executable, SCRIPT, tmp_path / "stack.svg")
    assert done.returncode == 0, done.stderr
    return (tmp_path / "stack.svg").read_text(encoding="utf-8")


def test_what_is_committed_shows_every_part_and_every_port(tmp_path):
    text = PICTURE.read_text(encoding="utf-8")
    assert drawn(tmp_path) == text, "run: make docs"
    services = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text(encoding="utf-8"))["services"]
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert len(ports) == 6
    for published in re.findall(r":-?(\d+)\}?:\d+$", "\n".join(map(str, ports)), re.MULTILINE):
        assert f"127.0.0.1:{published}" in text
    for name in services:
        assert f">{name}</text>" in text or name.startswith("airflow-") or name.endswith("-exporter")


@pytest.mark.parametrize("change", ["another", "fewer"])
def test_a_part_without_a_place_is_refused(tmp_path, change):
    project = tmp_path / "project"
    (project / "deploy" / "compose").mkdir(parents=True)
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text(encoding="utf-8"))
    if change == "another":
        compose["services"]["cache"] = {"image": "x"}
    else:
        del compose["services"]["node"]
    (project / "deploy" / "compose" / "compose.yml").write_text(yaml.safe_dump(compose), encoding="utf-8")
    (project / "deploy" / "compose" / "draw.py").write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    done = ran(sys.executable, project / "deploy" / "compose" / "draw.py", tmp_path / "stack.svg")
    assert done.returncode == 1
    assert ("cache" if change == "another" else "node") in done.stderr.splitlines()[-1]


def test_no_text_lies_upon_another_or_leaves_the_picture():
    with running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1180, "height": 700})
        page.goto(PICTURE.as_uri())
        assert page.evaluate(CROWDED) == []
