"""Where the trials of searches are kept, so that a search that was killed goes on where it was."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import StoreError

if TYPE_CHECKING:
    from optuna import Study

URL = "FINQ_SEARCH_URL"
KEPT = 20
GRACE_S = 3600.0
_NAMED = re.compile(r"(?P<model>.+)-[0-9a-f]{16}")


@dataclass(frozen=True)
class SearchStore:
    """The searches of one market: a journal each below the data, or studies of a database.

    Attributes:
        market: Name of the market.
        folder: Folder of the journals; None keeps nothing.
        url: Address of a database that is used instead; it may hold a password.
    """

    market: str = ""
    folder: Path | None = None
    url: str = ""

    def __repr__(self) -> str:
        """Without the address, which may hold a password."""
        return f"SearchStore({self.market!r}, {self.folder!r}, {'a database' if self.url else 'no database'})"

    @classmethod
    def below(cls, root: Path | str, market: str) -> SearchStore:
        """The searches of a market below a folder of data, or in the database that ``FINQ_SEARCH_URL`` names."""
        found = read_secret(URL, "the address")
        return cls(market, Layout(Path(root)).searches(market), "" if found is None else found.decode())

    def open(self, model: str, key: str, direction: str) -> Study:
        """The search of a model, with the trials that are known of it.

        Args:
            model: Name in the race.
            key: Hash of all that its trials depend on, 16 hexadecimal digits: another search is never gone on with.
            direction: ``"minimize"`` or ``"maximize"``.

        Raises:
            StoreError: If what is kept of it cannot be read; says what to do.
        """
        import optuna

        name = f"{_plain(model)}-{key}"
        try:
            return optuna.create_study(
                study_name=f"{self.market}-{name}",
                storage=self._storage(name),
                direction=direction,
                load_if_exists=True,
            )
        except (ValueError, KeyError) as error:
            raise StoreError(
                f"What is kept of the search of {model} in {self._place(name)} cannot be read: {error}. Remove it, and "
                "the search begins anew."
            ) from error

    def prune(self, kept: int = KEPT, now: float | None = None) -> list[str]:
        """Remove the oldest searches.

        Args:
            kept: How many of each model stay.
            now: Seconds since 1970; a journal that was written to within the last hour stays. None is the clock.

        Returns:
            Names of those that were removed.
        """
        if self.url:
            return self._prune_database(kept)
        if self.folder is None or not self.folder.is_dir():
            return []
        moment = time.time() if now is None else now
        journals = sorted(self.folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))
        by_name = {path.stem: path for path in journals}
        old = [name for name in _beyond(by_name, kept) if by_name[name].stat().st_mtime < moment - GRACE_S]
        for name in old:
            by_name[name].unlink(missing_ok=True)
            _lock_of(by_name[name]).unlink(missing_ok=True)
        return old

    def _prune_database(self, kept: int) -> list[str]:
        import optuna

        storage, prefix = self._database(), f"{self.market}-"
        # As they were begun, the oldest first.
        names = [name.removeprefix(prefix) for name in optuna.get_all_study_names(storage) if name.startswith(prefix)]
        old = _beyond(names, kept)
        for name in old:
            optuna.delete_study(study_name=f"{prefix}{name}", storage=storage)
        return old

    def _storage(self, name: str) -> Any:
        if self.url:
            return self._database()
        if self.folder is None:
            return None
        from filelock import FileLock
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self.folder.mkdir(parents=True, exist_ok=True)
        journal = self.folder / f"{name}.jsonl"
        # Optuna's own locks are files that a killed process leaves behind; the system takes this one from the dead.
        lock = FileLock(_lock_of(journal))
        with lock:
            _mend(journal)
        return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))

    def _database(self) -> Any:
        from optuna.storages import RDBStorage
        from sqlalchemy import NullPool

        from finq_predictor.adapters.database.engine import engine_of

        # Refuses an address that is none, without repeating it.
        engine = engine_of(self.url, URL)
        # A trial takes seconds and its line a moment: no connection is kept open for the next one.
        return RDBStorage(engine.url.render_as_string(hide_password=False), engine_kwargs={"poolclass": NullPool})

    def _place(self, name: str) -> str:
        return f"the database of {URL}" if self.url else f"{self.folder}/{name}.jsonl"


def _mend(journal: Path) -> None:
    """Cut off the end of a line that a killed process left torn: what is written next would be glued to it."""
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with journal.open("r+b") as file:
            file.truncate(whole)


def _lock_of(journal: Path) -> Path:
    return journal.with_name(f".{journal.name}.lock")


def _plain(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", model)


def _beyond(names: Iterable[str], kept: int) -> list[str]:
    """Of names in their order, the oldest of each model beyond so many."""
    by_model: dict[str, list[str]] = {}
    for name in names:
        if found := _NAMED.fullmatch(name):
            by_model.setdefault(found["model"], []).append(name)
    return [name for each in by_model.values() for name in each[: max(0, len(each) - kept)]]
