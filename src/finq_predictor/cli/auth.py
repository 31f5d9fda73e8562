"""Commands about who may ask the service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import DEFAULT_ROOT
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.serving.access.store import AccessStore

# The service finds the accounts below the same folder.
_root = click.option(
    "--root",
    envvar=["FINQ_STATE_ROOT", "FINQ_DATA_ROOT"],
    type=click.Path(path_type=Path),
    default=DEFAULT_ROOT,
    show_default=True,
    help="Folder of the data, or FINQ_STATE_ROOT or FINQ_DATA_ROOT.",
)
_ROLES = ("viewer", "predictor", "operator", "admin")
_password_file = click.option(
    "--password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File that holds the password.",
)


@click.group()
def auth() -> None:
    """Say who may ask the service: accounts, their keys, passwords and tokens."""


@auth.command()
@_root
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What they may do.")
@click.option("--market", "markets", multiple=True, type=click.Choice(sorted(MARKETS)), help="Only this one; repeat.")
@click.option("--model", "models", multiple=True, help="Only models of this name may answer; repeat.")
@_password_file
def add(
    root: Path, name: str, role: str, markets: tuple[str, ...], models: tuple[str, ...], password_file: Path | None
) -> None:
    """Add an account, and the secret that signs tokens where there is none yet."""
    from finq_predictor.serving.access.accounts import limited_to
    from finq_predictor.serving.access.callers import Role
    from finq_predictor.serving.access.passwords import hash_password
    from finq_predictor.serving.access.store import folder_of
    from finq_predictor.serving.access.token_keys import read_token_keys, rotate

    store = _store(root)
    password = None if password_file is None else hash_password(_written(password_file))
    store.add_account(name, Role(role), *limited_to(markets, models), password)
    if read_token_keys(folder_of(root)) is None:
        click.echo(f"Tokens are signed with a new secret in {rotate(folder_of(root))}.")
    click.echo(f"{name} is {role}. Give them a key (finq auth key {name}) or a password (finq auth password {name}).")


@auth.command()
@_root
def accounts(root: Path) -> None:
    """List the accounts; also brings their tables to the step that this code knows."""
    for one in _store(root).accounts():
        limits = [", ".join(sorted(names)) for names in (one.markets, one.models) if names is not None]
        marks = [*limits, *(["password"] if one.password else []), *(["disabled"] if one.disabled else [])]
        click.echo(f"{one.name:<24} {one.role:<10} {'; '.join(marks)}".rstrip())


@auth.command()
@_root
@click.argument("name")
@click.argument("role", type=click.Choice(_ROLES))
def role(root: Path, name: str, role: str) -> None:
    """Give an account another role; it holds within a second."""
    _store(root).change_account(name, role=role)
    click.echo(f"{name} is {role}.")


@auth.command()
@_root
@click.argument("name")
def disable(root: Path, name: str) -> None:
    """Close an account: neither its keys nor its tokens are valid any more."""
    _store(root).change_account(name, disabled=True, new_generation=True)
    click.echo(f"{name} is closed. Open it again: finq auth enable {name}")


@auth.command()
@_root
@click.argument("name")
def enable(root: Path, name: str) -> None:
    """Open an account again; its keys are valid again, its tokens are not."""
    _store(root).change_account(name, disabled=False)
    click.echo(f"{name} is open.")


@auth.command()
@_root
@click.argument("name")
@_password_file
def password(root: Path, name: str, password_file: Path | None) -> None:
    """Set the password of an account, asked for or from a file; its tokens end."""
    from finq_predictor.serving.access.passwords import hash_password

    given = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if password_file is None
        else _written(password_file)
    )
    _store(root).change_account(name, password=hash_password(given), new_generation=True)
    click.echo(f"{name} has a new password.")


@auth.command()
@_root
@click.argument("name")
@click.option("--label", default="", help="What it is for.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid; for ever when left out.")
def key(root: Path, name: str, label: str, days: int | None) -> None:
    """Make an API key of an account and show it, once."""
    made = _store(root).make_key(name, label, None if days is None else timedelta(days=days))
    click.echo(made.text)
    click.echo("It is shown this once and kept nowhere. Send it as `Authorization: Bearer <key>`.", err=True)


@auth.command()
@_root
def keys(root: Path) -> None:
    """List the API keys by what they are recognised by."""
    for one in _store(root).list_keys():
        state = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else "valid"
        until = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at else "for ever"
        used = f"last used {one.last_used}" if one.last_used else "never used"
        click.echo(f"{one.prefix} {one.account:<24} {state:<18} {until:<16} {used:<20} {one.label}".rstrip())


@auth.command()
@_root
@click.argument("prefix")
def revoke(root: Path, prefix: str) -> None:
    """Take an API key back; running workers refuse it within seconds."""
    _store(root).revoke_key(prefix)
    click.echo(f"The key {prefix} is not valid any more.")


@auth.command()
@_root
@click.argument("name")
def end(root: Path, name: str) -> None:
    """End all tokens and sessions of an account; its keys stay valid."""
    _store(root).change_account(name, new_generation=True)
    click.echo(f"The tokens of {name} are not valid any more.")


@auth.command("rotate-secret")
@_root
@click.option("--forget", is_flag=True, help="Former secrets are forgotten: everybody has to sign in again.")
def rotate_secret(root: Path, forget: bool) -> None:
    """Sign tokens with a new secret; what the former one signed is read until it expires."""
    from finq_predictor.serving.access.store import folder_of
    from finq_predictor.serving.access.token_keys import rotate

    click.echo(f"Tokens are signed with a new secret in {rotate(folder_of(root), forget=forget)}.")


def _store(root: Path) -> AccessStore:
    from finq_predictor.serving.access.store import open_store

    return open_store(root, make=True)


def _written(file: Path) -> str:
    return file.read_text(encoding="utf-8").rstrip("\r\n")
