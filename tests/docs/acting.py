"""Acts a page out: does in a copy of the project what the page tells its reader to do, and nothing else.

A page tells it in the sentence above a block of code:

* ``New file `PATH`:`` makes the file.
* ``At the end of `PATH`:`` adds to it.
* ``In `PATH`, below `LINE`:`` puts the block below the first line that reads so.
* ``In `PATH`, instead of `LINE`:`` puts it in the line's place.

Blocks of ``bash`` are the commands to run in the copy.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COPIED = ("src", "conf", "bentos", "tests", "docs", "pyproject.toml", "README.md")
# What others compile at this moment, under the names it has until it is whole.
_HALF_WRITTEN = ("*.pyc.*", "*.tmp.*")
_STEP = re.compile(
    r"(?P<sentence>[^\n]*(?:\n[^\n`]*`?[^\n]*)??)\n\n```(?P<language>\w+)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL
)
_NEW = re.compile(r"New file `([^`]+)`")
_END = re.compile(r"At the end of `([^`]+)`")
_BELOW = re.compile(r"In `([^`]+)`, below `([^`]+)`")
_INSTEAD = re.compile(r"In `([^`]+)`, instead of `([^`]+)`")


@dataclass
class Acted:
    """A copy of the project after a page was acted out.

    Attributes:
        folder: The copy.
        touched: Files that were made or changed, relative, in the order of the page.
        commands: Commands of the page, in order.
    """

    folder: Path
    touched: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def run(self, command: str, timeout: int = 600) -> subprocess.CompletedProcess[str]:
        """Run a command of the page in the copy, with this environment's programs and the copy's code."""
        words = shlex.split(command)
        program = Path(sys.executable).parent / Path(words[0]).name
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        return subprocess.run(
            [str(program), *words[1:]],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


def act(page: Path, folder: Path) -> Acted:
    """Copy the project and do what a page says.

    Args:
        page: The page.
        folder: Where the copy is made; must not exist.
    """
    folder.mkdir(parents=True)
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            # What was compiled goes with the files it was made of, whose times stay; a changed file is compiled anew.
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.egg-info", *_HALF_WRITTEN))
        else:
            shutil.copy2(source, folder / name)
    acted = Acted(folder)
    for step in _STEP.finditer(page.read_text(encoding="utf-8")):
        if step["language"] == "bash":
            acted.commands += [line for line in step["body"].replace("\\\n", " ").splitlines() if line.strip()]
        else:
            _do(step["sentence"], step["body"], acted)
    return acted


def _do(sentence: str, body: str, acted: Acted) -> None:
    if found := _NEW.search(sentence):
        path = acted.folder / found[1]
        assert not path.exists(), f"{found[1]} is not new"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    elif found := _END.search(sentence):
        path = acted.folder / found[1]
        path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + body, encoding="utf-8")
    elif found := _BELOW.search(sentence) or _INSTEAD.search(sentence):
        path = acted.folder / found[1]
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.strip() == found[2].strip()]
        assert places, f"{found[1]} has no line {found[2]!r}"
        keep = 1 if _BELOW.search(sentence) else 0
        lines[places[0] + keep : places[0] + 1] = body.splitlines(keepends=True)
        path.write_text("".join(lines), encoding="utf-8")
    else:
        raise AssertionError(f"a block of code that the page does not place: {sentence!r}")
    if found[1] not in acted.touched:
        acted.touched.append(found[1])
