"""What the pages of the documentation hold: blocks of code, commands, links and names of files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_SETTING = re.compile(r"^[A-Z][A-Z0-9_]*=")
_NEW_FILE = re.compile(r"New file `([^`]+)`")
_FILE = re.compile(r"`((?:\.ci|bentos|conf|data|deploy|docs|notebooks|src|tests)/[\w./<>-]*)`")


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        page: Where it stands, relative to the project.
        text: As it is written, on one line.
        words: Its words, without the settings before it.
        settings: Environment variables set for it.
    """

    page: str
    text: str
    words: tuple[str, ...]
    settings: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def pages(project: Path) -> list[Path]:
    """README and all pages of the documentation."""
    readme = project / "README.md"
    return [*([readme] if readme.exists() else []), *sorted((project / "docs").rglob("*.md"))]


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Bodies of the code blocks in one of some languages, without their indentation."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in languages:
            indent = len(found["indent"])
            yield "".join(line[indent:] for line in found["body"].splitlines(keepends=True))


def acted_pages(project: Path) -> list[Path]:
    """Pages that are acted out in a copy of the project, their commands included."""
    return sorted((project / "docs" / "how-to").glob("add-*.md"))


def commands(project: Path) -> list[Command]:
    """Every command of every page that speaks of the project as it is, continued lines joined."""
    found = []
    acted = acted_pages(project)
    for page in (page for page in pages(project) if page not in acted):
        name = page.relative_to(project).as_posix()
        for body in blocks(page, "bash", "sh", "shell", "console"):
            for line in body.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    count = next((n for n, word in enumerate(words) if not _SETTING.match(word)), len(words))
                    found.append(Command(name, line.strip(), tuple(words[count:]), tuple(words[:count])))
    return found


def links(page: Path) -> Iterator[str]:
    """Targets of links and pictures, outside code blocks."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        yield found[1] or found[2]


def files(page: Path) -> Iterator[str]:
    """Files of the project that a page names in the text, but for those it tells its reader to make."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    made = set(_NEW_FILE.findall(text))
    yield from (found[1] for found in _FILE.finditer(text) if found[1] not in made)


def anchors(page: Path) -> set[str]:
    """Names of the headings of a page, as links use them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
