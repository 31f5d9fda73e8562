"""Who sent a request, answered from memory: what lets somebody in is read beside the requests, again and again."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.access import tokens
from finq_predictor.serving.access.accounts import NOBODY, Account, Snapshot
from finq_predictor.serving.access.callers import ANYONE, Caller
from finq_predictor.serving.access.keys import KEY_MARK, LENGTH, PREFIX
from finq_predictor.serving.access.origins import is_local, is_of_this_site
from finq_predictor.serving.access.store import FIRST, AccessStore, folder_of, is_there, open_store
from finq_predictor.serving.access.token_keys import TokenKeys, read_token_keys
from finq_predictor.serving.access.tokens import Claims, Purpose
from finq_predictor.serving.errors import ForbiddenError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.settings import AuthMode

logger = logging.getLogger(__name__)
COOKIES = (b"__Host-finq=", b"finq=")
"""The page's cookie, over TLS and without."""
STALE_S = 300.0
"""So long what was read last lets people in although it cannot be read again; then nobody is let in."""
_TICK_S = 5.0
_MOST_SEEN = 10_000
_DAY_S = 86_400
_NEVER = float("inf")
_WHO = (
    "Send an API key or a token as `Authorization: Bearer ...`; whoever runs this makes one with `finq auth key NAME`."
)


class Issuer(Protocol):
    """Someone else whose tokens are believed.

    Attributes:
        name: What people call them.
    """

    name: str

    def caller(self, token: str) -> tuple[Caller, float]:
        """Who a token of theirs is about, and when it expires; raises `UnauthenticatedError`."""

    def refresh(self) -> None:
        """Learn their newest keys, where it is time to."""


@dataclass(slots=True)
class _HeldKey:
    digest: bytes = field(repr=False)
    expires: float
    caller: Caller
    used_on: int


@dataclass(frozen=True, slots=True)
class _Held:
    """What is in memory of one snapshot; tokens that were verified under it are forgotten with it."""

    snapshot: Snapshot
    keys: dict[bytes, _HeldKey] = field(repr=False)
    token_keys: TokenKeys | None = None
    seen: dict[bytes, tuple[Caller, float]] = field(default_factory=dict, repr=False)


class Access:
    """Knows who may ask.

    Args:
        mode: Who is asked; `auto` asks everybody as soon as there are accounts, and before that everybody who is not on
            this machine.
        root: Folder of the data, below which the accounts lie.
        pause: Seconds between two looks for changes.
        origins: Other origins whose pages may ask.
        issuer: Whose tokens are believed beside ours.
        clock: Tells the time, in seconds since 1970.
    """

    def __init__(
        self,
        mode: AuthMode,
        root: Path,
        pause: float = 1.0,
        origins: frozenset[bytes] = frozenset(),
        issuer: Issuer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.mode, self.root, self.origins, self.issuer = mode, root, origins, issuer
        self._pause, self._clock = max(pause, 0.05), clock
        self._store: AccessStore | None = None
        self._held = _Held(NOBODY, {})
        self._used: set[str] = set()
        self._stamp: tuple[int, ...] | None = None
        self._read_at = clock()
        self._trouble = ""
        self._alone, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    # The hot path ----------------------------------------------------------------------------------------------------

    def caller(self, headers: Iterable[tuple[bytes, bytes]], peer: str | None = None) -> Caller:
        """Who sent a request.

        Args:
            headers: Its headers, names in small letters, as ASGI has them.
            peer: The address it came from, where that is known.

        Raises:
            UnauthenticatedError: If nobody says who, or what they show is not valid.
            ForbiddenError: If a page of another site sent it.
            UnavailableError: If the accounts could not be read for so long that nobody can be let in.
        """
        given = dict(headers)
        if self.mode is AuthMode.OFF or (self.open_here and is_local(given, peer)):
            self._require_this_site(given, self.origins)
            return ANYONE
        now = self._clock()
        if now - self._read_at > STALE_S:
            raise UnavailableError("The accounts cannot be read; the log of the service says why.")
        if (shown := given.get(b"authorization")) is not None:
            if shown[:7].lower() != b"bearer ":
                raise UnauthenticatedError(f"The header Authorization begins with another word than Bearer. {_WHO}")
            text = shown[7:].strip()
            return self._by_key(text, now) if text.startswith(KEY_MARK) else self._by_token(text, now, Purpose.API)
        if (shown := given.get(b"x-api-key")) is not None:
            return self._by_key(shown.strip(), now)
        if (session := _session(given.get(b"cookie", b""))) is not None:
            # Not even a listed origin asks in somebody's name: its own name for a sister of ours would let it.
            self._require_this_site(given, frozenset())
            return self._by_token(session, now, Purpose.PAGE)
        raise UnauthenticatedError(f"Nobody says who asks. {_WHO if self._held.snapshot.accounts else self._none()}")

    def _by_key(self, text: bytes, now: float) -> Caller:
        held = self._held.keys.get(text[PREFIX])
        if held is None or len(text) != LENGTH or not hmac.compare_digest(held.digest, sha256(text).digest()):
            raise UnauthenticatedError("There is no such API key, or it was revoked; ask whoever runs this for one.")
        if now >= held.expires:
            raise UnauthenticatedError("The API key has expired; ask whoever runs this for another one.")
        if (day := int(now) // _DAY_S) != held.used_on:
            held.used_on = day
            self._used.add(held.caller.credential)
        return held.caller

    def _by_token(self, text: bytes, now: float, purpose: Purpose) -> Caller:
        held = self._held
        mark = sha256(text).digest() + purpose.encode()
        known = held.seen.get(mark)
        if known is not None and now < known[1]:
            return known[0]
        if len(text) > tokens.LONGEST:
            raise UnauthenticatedError("The token is longer than any that is made here.")
        found = self._verified(held, text.decode("latin-1"), purpose)
        if len(held.seen) >= _MOST_SEEN:
            held.seen.pop(next(iter(held.seen)), None)
        held.seen[mark] = found
        return found[0]

    def _verified(self, held: _Held, token: str, purpose: Purpose) -> tuple[Caller, float]:
        if self.issuer is not None and purpose is Purpose.API and not tokens.is_ours(held.token_keys, token):
            found, expires = self.issuer.caller(token)
            ours = held.snapshot.accounts.get(found.name)
            if ours is not None and ours.disabled:
                raise UnauthenticatedError("The account is closed here; ask whoever runs this.")
            return found, expires
        claims = tokens.read(held.token_keys, purpose, token)
        account = held.snapshot.accounts.get(claims.account)
        if account is None or not _is_valid(claims, account, held.snapshot):
            raise UnauthenticatedError("The token was revoked, or its account is closed; sign in again.")
        return account.caller("token" if purpose is Purpose.API else "session", claims.session), claims.expires

    def _require_this_site(self, given: dict[bytes, bytes], others: frozenset[bytes]) -> None:
        if b"origin" in given and not is_of_this_site(given, others):
            raise ForbiddenError("A page of another site sent this request; FINQ_CORS_ORIGINS lists those that may.")

    def _none(self) -> str:
        return f"There are no accounts yet; whoever runs this makes the first one with `{FIRST}`."

    # Beside the requests ---------------------------------------------------------------------------------------------

    @property
    def open_here(self) -> bool:
        """Whether whoever is on this machine is asked nothing."""
        known = self._held.snapshot.accounts or self.issuer is not None or self._trouble
        return self.mode is AuthMode.AUTO and not known

    @property
    def trouble(self) -> str | None:
        """Why the accounts cannot be read; None while they can."""
        return self._trouble or None

    @property
    def token_keys(self) -> TokenKeys | None:
        """What signs tokens now; None where there is nothing."""
        return self._held.token_keys

    @property
    def snapshot(self) -> Snapshot:
        """What lets somebody in now."""
        return self._held.snapshot

    @property
    def store(self) -> AccessStore:
        """Where the accounts are kept.

        Raises:
            UnauthenticatedError: If there are none.
        """
        if self._store is None:
            raise UnauthenticatedError(self._none())
        return self._store

    def start(self) -> None:
        """Read what lets people in, then follow it in a thread until :meth:`stop`."""
        self.refresh()
        logger.info(self.told())
        if self.mode is not AuthMode.OFF:
            self._thread = threading.Thread(target=self._follow, name="finq-access", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def told(self) -> str:
        """Who is asked who they are, in a sentence for the log."""
        if self.mode is AuthMode.OFF:
            return "Nobody is asked who they are (FINQ_AUTH=off)."
        if self.open_here:
            return (
                "Nobody on this machine is asked who they are, as there are no accounts, and nobody else is let in. To "
                f"let others in: {FIRST}"
            )
        count = len(self._held.snapshot.accounts)
        return f"Everybody is asked who they are; there are {count} accounts{'' if count else f'. Make one: {FIRST}'}."

    def refresh(self) -> None:
        """Look for changes once; what cannot be read leaves what was read before, for a while."""
        if self.mode is AuthMode.OFF:
            return
        with self._alone:
            try:
                self._look()
                trouble = ""
            except FinqError as error:
                trouble, self._stamp = str(error), None
            if trouble and trouble != self._trouble:
                logger.error("The accounts cannot be read: %s", trouble)
            self._trouble = trouble
        if self.issuer is not None:
            self.issuer.refresh()

    def _look(self) -> None:
        if self._store is None and is_there(self.root):
            self._store = open_store(self.root)
        keys = read_token_keys(folder_of(self.root), self.token_keys)
        changed, snapshot = keys is not self.token_keys, self._held.snapshot
        if self._store is not None:
            if self._used:
                used, self._used = self._used, set()
                self._store.note_used(used, datetime.fromtimestamp(self._clock(), UTC).date())
            if not self._quiet(self._store):
                changed = changed or self._store.number() != self._held.snapshot.number
            if changed:
                snapshot = self._store.snapshot()
        if changed:
            self._hold(snapshot, keys)
        self._read_at = self._clock()

    def _quiet(self, store: AccessStore) -> bool:
        """Whether a file says by itself that nothing has changed, which spares a question each second."""
        before, self._stamp = self._stamp, store.stamp()
        # Two changes within a tick of the disk's clock look like one.
        return self._stamp is not None and self._stamp == before and self._clock() - self._stamp[0] / 1e9 > _TICK_S

    def _hold(self, snapshot: Snapshot, token_keys: TokenKeys | None) -> None:
        before = self._held.keys
        keys = {}
        for prefix, key in snapshot.keys.items():
            account = snapshot.accounts.get(key.account)
            if account is None or account.disabled:
                continue
            expires = key.expires_at.timestamp() if key.expires_at else _NEVER
            known = before.get(prefix.encode())
            used_on = known.used_on if known else (key.last_used.toordinal() - _EPOCH if key.last_used else -1)
            keys[prefix.encode()] = _HeldKey(key.digest, expires, account.caller("key", prefix), used_on)
        # In one step: a token that a former secret signed is not remembered under the next one.
        self._held = _Held(snapshot, keys, token_keys)

    def _follow(self) -> None:
        while not self._stop.wait(self._pause):
            try:
                self.refresh()
            except Exception:
                # A thread that ends would let in for ever whoever was let in before.
                logger.exception("Looking for changes of the accounts failed")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _is_valid(claims: Claims, account: Account, snapshot: Snapshot) -> bool:
    return not account.disabled and account.generation == claims.generation and claims.session not in snapshot.revoked


def _session(cookies: bytes) -> bytes | None:
    """The page's session, where it stands among cookies."""
    if cookies:
        for one in cookies.split(b";"):
            for name in COOKIES:
                if (text := one.strip()).startswith(name):
                    return text[len(name) :]
    return None
