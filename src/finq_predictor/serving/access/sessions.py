"""Sessions as they are kept: refresh tokens, each good for once, and what was ended before its time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from finq_predictor.serving.access.accounts import Account, account_of
from finq_predictor.serving.access.keys import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def _now() -> datetime:
    return datetime.now(UTC)


class SessionStore:
    """Sessions of accounts.

    Args:
        engine: The database.
        clock: Tells the moment, UTC.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = _now) -> None:
        self.engine = engine
        self.clock = clock

    def open_session(self, account: Account, lifetime: timedelta) -> tuple[str, str]:
        """Begin a session; gives its id and its first refresh token, of which only a hash is kept."""
        session, token = secrets.token_hex(16), secrets.token_urlsafe(32)
        with self._working() as connection:
            self._put_refresh(connection, token, session, account, lifetime)
            self._forget_old(connection)
        return session, token

    def renew_session(self, token: str, lifetime: timedelta) -> tuple[Account, str, str] | None:
        """Take a refresh token and give the next one; each can be used once.

        One that comes a second time was stolen, before or after: its session ends, with all that was made from it.

        Returns:
            The account, the session and its next refresh token; None where the token opens nothing.
        """
        from sqlalchemy import select, update

        from finq_predictor.adapters.database import access_schema as tables

        refresh, now = tables.refresh_tokens, self.clock()
        mine = refresh.c.digest == digest(token.encode()).hex()
        with self._working() as connection:
            # Whoever comes first changes the row, and only one can.
            first = connection.execute(update(refresh).where(mine, refresh.c.used_at.is_(None)).values(used_at=now))
            found = connection.execute(select(refresh).where(mine)).first()
            if found is None:
                return None
            if first.rowcount:
                ended = connection.scalar(
                    select(tables.revocations.c.session).where(tables.revocations.c.session == found.session)
                )
                account = account_named(connection, found.account)
                if (
                    ended is None
                    and found.expires_at > now
                    and account is not None
                    and not account.disabled
                    and account.generation == found.generation
                ):
                    following = secrets.token_urlsafe(32)
                    self._put_refresh(connection, following, found.session, account, lifetime)
                    return account, found.session, following
                return None
        self.end_session(found.session, lifetime)
        return None

    def end_session(self, session: str, lifetime: timedelta) -> None:
        """End a session: no token of it is valid any more.

        Args:
            session: Its id.
            lifetime: How long anything of it could be valid.
        """
        from sqlalchemy import insert, select

        from finq_predictor.adapters.database.access_schema import revocations

        with self._changing() as connection:
            if connection.scalar(select(revocations.c.session).where(revocations.c.session == session)) is None:
                until = self.clock() + lifetime
                connection.execute(
                    insert(revocations).values(session=session[:40], revoked_at=self.clock(), until=until)
                )

    def session_of(self, token: str) -> str | None:
        """The session of a refresh token; None where there is none."""
        from sqlalchemy import select

        from finq_predictor.adapters.database.access_schema import refresh_tokens

        kept = refresh_tokens.c.digest == digest(token.encode()).hex()
        with self._working() as connection:
            found = connection.scalar(select(refresh_tokens.c.session).where(kept))
        return None if found is None else str(found)

    def _put_refresh(
        self, connection: Connection, token: str, session: str, account: Account, lifetime: timedelta
    ) -> None:
        from sqlalchemy import insert

        from finq_predictor.adapters.database.access_schema import refresh_tokens

        connection.execute(
            insert(refresh_tokens).values(
                digest=digest(token.encode()).hex(),
                session=session,
                account=account.name,
                generation=account.generation,
                expires_at=self.clock() + lifetime,
            )
        )

    def _forget_old(self, connection: Connection) -> None:
        from sqlalchemy import delete

        from finq_predictor.adapters.database import access_schema as tables

        now = self.clock()
        connection.execute(delete(tables.refresh_tokens).where(tables.refresh_tokens.c.expires_at < now))
        connection.execute(delete(tables.revocations).where(tables.revocations.c.until < now))

    def _working(self) -> Any:
        from finq_predictor.adapters.database.engine import working

        return working(self.engine)

    def _changing(self) -> Any:
        return _Changing(self.engine)


class _Changing:
    """A transaction whose change every worker shall notice."""

    def __init__(self, engine: Engine) -> None:
        from finq_predictor.adapters.database.engine import working

        self._work = working(engine)

    def __enter__(self) -> Connection:
        from sqlalchemy import update

        from finq_predictor.adapters.database.access_schema import access_changes

        connection: Connection = self._work.__enter__()
        # First, so that whoever changes something at the same time waits here, and nowhere else.
        connection.execute(update(access_changes).values(number=access_changes.c.number + 1))
        return connection

    def __exit__(self, *given: Any) -> Any:
        return self._work.__exit__(*given)


def account_named(connection: Connection, name: str) -> Account | None:
    """The account of a name; None where there is none."""
    from sqlalchemy import select

    from finq_predictor.adapters.database.access_schema import accounts

    found = connection.execute(select(accounts).where(accounts.c.name == name)).first()
    return None if found is None else account_of(found)
