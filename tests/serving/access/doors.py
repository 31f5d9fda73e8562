"""A service with accounts, for tests: who is there, and what each of them sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.passwords import hash_password
from finq_predictor.serving.access.store import AccessStore, folder_of, open_store
from finq_predictor.serving.access.token_keys import rotate
from finq_predictor.serving.settings import AuthMode

PASSWORD = "a horse, a staple and a battery"


@dataclass
class Door:
    """The accounts below a folder.

    Attributes:
        root: The folder.
        store: Where they are kept.
        keys: The key of each, by name.
    """

    root: Path
    store: AccessStore
    keys: dict[str, str] = field(default_factory=dict)

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[name]}"}


def make_door(root: Path, *, password: bool = False) -> Door:
    """One account for each role, with a key, and one that may ask about foreign exchange only."""
    door = Door(root, open_store(root, make=True))
    rotate(folder_of(root))
    kept = hash_password(PASSWORD) if password else None
    for role in Role:
        door.store.add_account(f"the-{role}", role, password=kept)
    door.store.add_account("fx-desk", Role.PREDICTOR, markets=frozenset({"fx"}))
    for name in [*(f"the-{role}" for role in Role), "fx-desk"]:
        door.keys[name] = door.store.make_key(name, "test").text
    return door


def door_beside(data: Path, root: Path, *, password: bool = False) -> Door:
    """The same accounts in a folder of their own, beside data that others read as well."""
    for part in data.iterdir():
        (root / part.name).symlink_to(part)
    return make_door(root, password=password)


def opened(root: Path, mode: AuthMode = AuthMode.ON, **given: object) -> Access:
    """Who may ask there, as it is now."""
    access = Access(mode, root, **given)
    access.refresh()
    return access


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    named = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in given.items()}}
    return [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
