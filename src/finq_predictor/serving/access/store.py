"""Where accounts, keys and sessions are kept: a database of their own, or one that several machines share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finq_predictor.adapters.environment.reading import given_as
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.serving.access.accounts import Account, Key, Snapshot, account_of, checked_name, key_of, written
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.keys import NewKey, digest, make_key
from finq_predictor.serving.access.sessions import SessionStore, account_named
from finq_predictor.serving.errors import UnauthenticatedError

if TYPE_CHECKING:
    from sqlalchemy import Connection

URL = "FINQ_ACCESS_URL"
FILE = Layout(Path()).accounts.name
_REMEDY = "finq auth accounts"
FOREIGN = "oidc."
"""How the names of those begin whom the issuer knows; no account of our own can be taken for one of theirs."""


class AccessStore(SessionStore):
    """Accounts, what they show to be let in, and their sessions."""

    # Read by the service ---------------------------------------------------------------------------------------------

    def stamp(self) -> tuple[int, ...] | None:
        """What tells that a file was not written to since; None where there is no file, or none that can be seen."""
        if self.engine.dialect.name != "sqlite":
            return None
        try:
            found = os.stat(str(self.engine.url.database))
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def number(self) -> int:
        """That of the last change."""
        from sqlalchemy import select

        from finq_predictor.adapters.database.access_schema import access_changes

        with self._working() as connection:
            return int(connection.scalar(select(access_changes.c.number)) or 0)

    def snapshot(self) -> Snapshot:
        """All that lets somebody in, as it is at one moment."""
        from sqlalchemy import select

        from finq_predictor.adapters.database import access_schema as tables

        with self._working() as connection:
            number = int(connection.scalar(select(tables.access_changes.c.number)) or 0)
            accounts = [account_of(row) for row in connection.execute(select(tables.accounts))]
            keys = connection.execute(select(tables.access_keys).where(tables.access_keys.c.revoked_at.is_(None)))
            kept = {row.prefix: key_of(row) for row in keys}
            ended = connection.execute(
                select(tables.revocations.c.session).where(tables.revocations.c.until > self.clock())
            )
            return Snapshot(number, {one.name: one for one in accounts}, kept, frozenset(ended.scalars()))

    def note_used(self, prefixes: Iterable[str], day: date) -> None:
        """Remember on which day keys were seen."""
        from sqlalchemy import update

        from finq_predictor.adapters.database.access_schema import access_keys

        with self._working() as connection:
            connection.execute(
                update(access_keys).where(access_keys.c.prefix.in_(sorted(prefixes))).values(last_used=day)
            )

    # Accounts and keys -----------------------------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        """All accounts, by name."""
        from sqlalchemy import select

        from finq_predictor.adapters.database.access_schema import accounts

        with self._working() as connection:
            return [account_of(row) for row in connection.execute(select(accounts).order_by(accounts.c.name))]

    def add_account(
        self,
        name: str,
        role: Role,
        markets: frozenset[str] | None = None,
        models: frozenset[str] | None = None,
        password: str | None = None,
    ) -> None:
        """Add an account.

        Args:
            name: Its name.
            role: What it may do.
            markets: The markets it may ask about; None for all.
            models: The models that may answer it; None for all.
            password: What is kept of its password.

        Raises:
            ConfigurationError: If there is one of this name, or it cannot have that name.
        """
        if checked_name(name).startswith(FOREIGN):
            raise ConfigurationError(f"Names that begin with {FOREIGN!r} are those of the issuer; choose another one.")
        with self._changing() as connection:
            if account_named(connection, name) is not None:
                raise ConfigurationError(f"There is an account {name!r} already; disable it or choose another name.")
            self._put_account(
                connection, name, role, markets=written(markets), models=written(models), password=password
            )

    def welcome(self, name: str, role: Role) -> Account:
        """The account of somebody whom the issuer knows, made or given another role where need be.

        Raises:
            UnauthenticatedError: If it was closed here.
        """
        from sqlalchemy import update

        from finq_predictor.adapters.database.access_schema import accounts

        with self._changing() as connection:
            found = account_named(connection, name)
            if found is None:
                self._put_account(connection, name, role)
            elif found.role is not role:
                connection.execute(update(accounts).where(accounts.c.name == name).values(role=str(role)))
            now = self._known(connection, name)
        if now.disabled:
            raise UnauthenticatedError("The account is closed here; ask whoever runs this.")
        return now

    def change_account(self, name: str, *, new_generation: bool = False, **values: Any) -> None:
        """Change an account.

        Args:
            name: Its name.
            new_generation: Whether all of its tokens end.
            values: Columns and what they shall hold, such as ``disabled=True``.

        Raises:
            UnknownNameError: If there is none of this name.
        """
        from sqlalchemy import update

        from finq_predictor.adapters.database.access_schema import accounts

        with self._changing() as connection:
            found = self._known(connection, name)
            generation = found.generation + (1 if new_generation else 0)
            connection.execute(update(accounts).where(accounts.c.name == name).values(**values, generation=generation))

    def list_keys(self) -> list[Key]:
        """All keys, revoked ones as well, by account and age."""
        from sqlalchemy import select

        from finq_predictor.adapters.database.access_schema import access_keys

        with self._working() as connection:
            order = select(access_keys).order_by(access_keys.c.account, access_keys.c.created_at)
            return [key_of(row) for row in connection.execute(order)]

    def make_key(self, account: str, label: str = "", lifetime: timedelta | None = None) -> NewKey:
        """Make a key of an account; its text is kept nowhere.

        Raises:
            UnknownNameError: If there is no such account.
        """
        from sqlalchemy import insert

        from finq_predictor.adapters.database.access_schema import access_keys

        made = make_key()
        with self._changing() as connection:
            self._known(connection, account)
            connection.execute(
                insert(access_keys).values(
                    prefix=made.prefix,
                    account=account,
                    digest=digest(made.text.encode()).hex(),
                    label=label[:80],
                    created_at=self.clock(),
                    expires_at=None if lifetime is None else self.clock() + lifetime,
                )
            )
        return made

    def revoke_key(self, prefix: str) -> None:
        """Take a key back, for ever.

        Raises:
            UnknownNameError: If there is none of this prefix.
        """
        from sqlalchemy import select, update

        from finq_predictor.adapters.database.access_schema import access_keys

        with self._changing() as connection:
            known = list(connection.execute(select(access_keys.c.prefix)).scalars())
            if prefix not in known:
                raise UnknownNameError("key", prefix, known)
            still = (access_keys.c.prefix == prefix) & access_keys.c.revoked_at.is_(None)
            connection.execute(update(access_keys).where(still).values(revoked_at=self.clock()))

    def _put_account(self, connection: Connection, name: str, role: Role, **values: Any) -> None:
        from sqlalchemy import insert

        from finq_predictor.adapters.database.access_schema import accounts

        made = {"name": name, "role": str(role), "disabled": False, "generation": 0, "created_at": self.clock()}
        connection.execute(insert(accounts).values(**made, **values))

    def _known(self, connection: Connection, name: str) -> Account:
        from sqlalchemy import select

        from finq_predictor.adapters.database.access_schema import accounts

        found = account_named(connection, name)
        if found is None:
            raise UnknownNameError("account", name[:80], connection.execute(select(accounts.c.name)).scalars())
        return found


def folder_of(root: Path) -> Path:
    """Where accounts and the secret of tokens lie."""
    return Layout(root).access


def is_there(root: Path) -> bool:
    """Whether anybody has made a place for accounts.

    A database that was named for accounts is one, whatever it holds; one that was named for everything is one as soon
    as it has any table of ours.

    Raises:
        ConfigurationError: If the address is none.
        SourceUnavailableError: If the database does not answer: then nobody knows, and nobody is let in.
    """
    from finq_predictor.adapters.database.engine import current, engine_of

    url = read_secret(URL, "the address")
    if url is None:
        return (folder_of(root) / FILE).exists()
    name = given_as(URL)
    return name.startswith(URL) or bool(current(engine_of(url.decode("latin-1"), name, _REMEDY)))


def open_store(root: Path, *, make: bool = False) -> AccessStore:
    """The accounts of a service.

    Args:
        root: Folder of the data.
        make: Whether the tables are made or brought to the newest step; the service itself never does.

    Raises:
        ConfigurationError: If there are none, or the address is none.
        StoreError: If the tables are of another step.
    """
    from finq_predictor.adapters.database.engine import engine_of, require_newest, upgrade

    url = read_secret(URL, "the address")
    if url is None:
        file = folder_of(root) / FILE
        if not make and not file.exists():
            raise ConfigurationError(f"There are no accounts below {root}. Make one: {FIRST}")
        if make:
            _private_place(file)
        url = f"sqlite:///{file}".encode()
    engine = engine_of(url.decode(), given_as(URL), _REMEDY)
    if make:
        upgrade(engine)
    else:
        require_newest(engine)
    return AccessStore(engine)


FIRST = "finq auth add NAME --role admin"
"""What makes the first account."""


def _private_place(file: Path) -> None:
    """Make a file that only this user can read; what a database writes beside it takes its mode."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
