"""What a snapshot holds: every stored dataset of a market by the hash of its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

CHAMPION = "champion"


@dataclass(frozen=True)
class Entry:
    """One dataset as it was stored; its file is never changed.

    Attributes:
        file: File or folder below the root of the data, with ``/``.
        content: SHA-256 of the file; of a folder, of the names and sums of its files.
        rows: Rows of a table; None for what is no table.
        known_until: Latest known time among the rows of a table (ISO 8601, UTC); None where it has none.
        parents: Stored datasets that it was made from -> their ``content`` at that time.
        code: Hash of the code that made it.
        made_at: When it was stored (ISO 8601, UTC).
    """

    file: str
    content: str
    rows: int | None = None
    known_until: str | None = None
    parents: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    made_at: str = ""


@dataclass(frozen=True)
class Manifest:
    """A snapshot of a market.

    Attributes:
        market: Name of the market.
        number: Counts the snapshots of the market from 1.
        published_at: When (ISO 8601, UTC).
        by: How the run was started that published it.
        entries: Dataset, as the catalog names it after the market -> what it is.
        rolled_back_to: Id of the snapshot whose content it repeats; None where it brought something new.
    """

    market: str
    number: int
    published_at: str
    by: str
    entries: Mapping[str, Entry]
    rolled_back_to: str | None = None

    @property
    def digest(self) -> str:
        """Hash of what it holds, whenever and by whomever it was published."""
        held = {name: entry.content for name, entry in sorted(self.entries.items())}
        return sha256(json.dumps([self.market, held]).encode()).hexdigest()

    @property
    def id(self) -> str:
        """Its number and the beginning of its digest."""
        return f"{self.number:06d}-{self.digest[:12]}"

    def behind(self, name: str) -> dict[str, str]:
        """The datasets that a dataset was made from and that are others by now -> what happened to them.

        A champion stays when its data change, so it is behind nothing.

        Args:
            name: Dataset; its parents' parents count as well.
        """
        found: dict[str, str] = {}
        if name == CHAMPION:
            return found
        for parent, content in self.entries[name].parents.items():
            now = self.entries.get(parent)
            if now is None:
                continue
            if now.content != content:
                found[parent] = "was replaced"
            elif late := self.behind(parent):
                found[parent] = f"is itself older than {', '.join(sorted(late))}"
        return found

    def following(self, changed: Mapping[str, Entry], *, published_at: str, by: str) -> Manifest:
        """The next snapshot, in which some datasets are others."""
        return replace(
            self,
            number=self.number + 1,
            published_at=published_at,
            by=by,
            entries={**self.entries, **changed},
            rolled_back_to=None,
        )
