"""Where tokens are handed out, for a password, a key, or the token before."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from finq_predictor.serving.access import tokens
from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.accounts import Account
from finq_predictor.serving.access.callers import Caller
from finq_predictor.serving.access.passwords import LONGEST, is_password
from finq_predictor.serving.access.store import AccessStore
from finq_predictor.serving.access.token_keys import TokenKeys
from finq_predictor.serving.access.tokens import Claims, Purpose
from finq_predictor.serving.errors import ForbiddenError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.gate import Gate
from finq_predictor.serving.rates import Rate
from finq_predictor.serving.settings import Settings

# One at a time: each guess takes some tens of milliseconds of a core.
_THREADS, _WAITING = 1, 8
_WITHIN_S = 60
_OF_ONE_NAME, _OF_ONE_PLACE, _OF_ALL = 10, 30, 240


@dataclass(frozen=True, slots=True)
class Tokens:
    """What somebody gets who has shown who they are; nothing of it is shown by its repr.

    Attributes:
        access: What is sent with each request.
        refresh: What the next pair is asked with, once.
        seconds: How long the first one is valid.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int = 0


class SigningIn:
    """Hands out tokens; everything here waits for a database or for a hash, and belongs into its :attr:`gate`.

    Args:
        access: Who may ask.
        settings: How long tokens are valid.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(self, access: Access, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.access, self._settings, self._clock = access, settings, clock
        self.gate = Gate(_THREADS, _WAITING)
        self._of_name = Rate(_OF_ONE_NAME, _WITHIN_S, "tries to sign in as one account", clock)
        self._of_place = Rate(_OF_ONE_PLACE, _WITHIN_S, "tries to sign in from one address", clock)
        # So much of a core guessing may take, wherever it comes from.
        self._of_all = Rate(_OF_ALL, _WITHIN_S, "tries to sign in", clock)

    def account(self, name: str, password: str, peer: str | None) -> Account:
        """The account of a name and a password.

        Args:
            name: The name.
            password: The password.
            peer: Where they come from; too many tries from one place are refused.

        Raises:
            UnauthenticatedError: If there is none; does not say which of both was wrong.
            TooManyError: If somebody tries too often.
        """
        name = name[:80]
        self._of_place.take(str(peer))
        self._of_name.take(f"{peer} {name}")
        self._of_all.take("")
        found = self.access.snapshot.accounts.get(name)
        right = is_password(found.password if found else None, password[: LONGEST + 1])
        if found is None or found.disabled or not right:
            raise UnauthenticatedError("Name or password is wrong, or the account has no password or is closed.")
        return found

    def tokens_for(self, account: Account) -> Tokens:
        """Begin a session."""
        keys, store = self.require_keys(), self.access.store
        session, refresh = store.open_session(account, self._refresh)
        return self._pair(keys, account, session, refresh)

    def tokens_for_caller(self, caller: Caller) -> Tokens:
        """Begin a session of somebody who showed a key.

        Raises:
            ForbiddenError: If they showed something else: a token would make itself live for ever.
        """
        if caller.way != "key":
            raise ForbiddenError("Tokens are given for a password or an API key, and for a refresh token.")
        account = self.access.snapshot.accounts.get(caller.name)
        if account is None:
            raise UnauthenticatedError("The account is gone.")
        return self.tokens_for(account)

    def renew(self, refresh: str) -> Tokens:
        """The next pair of a session.

        Raises:
            UnauthenticatedError: If the token is none, has expired, or was used before, which ends its session.
        """
        keys = self.require_keys()
        found = self.access.store.renew_session(refresh, self._refresh)
        if found is None:
            self.access.refresh()
            raise UnauthenticatedError("The refresh token is not valid, or was used before; sign in again.")
        account, session, following = found
        return self._pair(keys, account, session, following)

    def end(self, session: str) -> None:
        """End a session, here at once and in other workers with their next look."""
        self._store().end_session(session, max(self._refresh, timedelta(seconds=self._settings.session_seconds)))
        self.access.refresh()

    def end_by_refresh(self, refresh: str) -> None:
        """End the session of a refresh token; one that is unknown ends nothing."""
        session = self._store().session_of(refresh)
        if session is not None:
            self.end(session)

    def page_session(self, account: Account) -> str:
        """What the page's cookie holds."""
        claims = Claims(
            account.name, secrets.token_hex(16), account.generation, self._clock() + self._settings.session_seconds
        )
        return tokens.issue(self.require_keys(), Purpose.PAGE, claims)

    def _pair(self, keys: TokenKeys, account: Account, session: str, refresh: str) -> Tokens:
        seconds = self._settings.token_seconds
        claims = Claims(account.name, session, account.generation, self._clock() + seconds)
        return Tokens(tokens.issue(keys, Purpose.API, claims), refresh, seconds)

    @property
    def _refresh(self) -> timedelta:
        return timedelta(seconds=self._settings.refresh_seconds)

    def _store(self) -> AccessStore:
        return self.access.store

    def require_keys(self) -> TokenKeys:
        """What signs tokens.

        Raises:
            UnavailableError: If there is nothing.
        """
        if self.access.token_keys is None:
            raise UnavailableError(
                "There is no secret to sign tokens with; whoever runs this makes one with "
                "`finq auth rotate-secret`. API keys work without."
            )
        return self.access.token_keys
