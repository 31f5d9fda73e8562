"""What is written otherwise on one machine than in containers: names of parts, and places of what is mounted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Substitution:
    """Words of the stack and what stands for each here; nothing else is changed, and it can be undone.

    Attributes:
        pairs: What is written there -> what is written here.
    """

    pairs: Mapping[str, str]

    def __post_init__(self) -> None:
        if len(set(self.pairs.values())) < len(self.pairs):
            raise ValueError(f"two words would become the same, so that it could not be undone: {self.pairs}")

    def apply(self, text: str) -> str:
        """A text as it is written here."""
        return _changed(text, self.pairs)

    def undo(self, text: str) -> str:
        """A text as it is written there."""
        return _changed(text, {here: there for there, here in self.pairs.items()})

    def copy(self, source: Path, target: Path) -> Copied:
        """Copy a file or all of a folder as it is written here.

        Raises:
            ValueError: If a text could not be made what it was again.
        """
        files = sorted(one for one in source.rglob("*") if one.is_file()) if source.is_dir() else [source]
        changed: dict[str, int] = {}
        for file in files:
            place = target / file.relative_to(source) if source.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            before = file.read_text(encoding="utf-8")
            after = self.apply(before)
            if self.undo(after) != before:
                raise ValueError(f"{file} holds what stands for something else here; the copy would not be the file")
            place.write_text(after, encoding="utf-8")
            place.chmod(file.stat().st_mode & 0o777)
            pairs = zip(before.splitlines(), after.splitlines(), strict=True)
            changed[str(file.name)] = sum(one != other for one, other in pairs)
        return Copied(len(files), sum(changed.values()), {name: count for name, count in changed.items() if count})


@dataclass(frozen=True)
class Copied:
    """How much of what was copied is written otherwise here.

    Attributes:
        files: How many files.
        lines: How many lines of them differ.
        changed: Lines by the name of each file that differs.
    """

    files: int
    lines: int
    changed: Mapping[str, int]


def _changed(text: str, pairs: Mapping[str, str]) -> str:
    if not pairs:
        return text
    words = sorted(pairs, key=len, reverse=True)
    # A whole word: not the end of another name, and no more digits or letters after it.
    whole = re.compile(r"(?<![\w.-])(?:" + "|".join(map(_whole, words)) + ")")
    return whole.sub(lambda found: pairs[found[0]], text)


def _whole(word: str) -> str:
    return re.escape(word) + (r"(?![\w-])" if re.search(r"\w$", word) else "")
