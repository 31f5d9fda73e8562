"""Take secrets out of whatever is shown or kept, in each form in which they travel."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping

from finq_predictor.adapters.secrets import HIDDEN, masked

SHOWN = 300
"""Characters that a message shows of what came."""
_BASE64 = r"[A-Za-z0-9+/_=-]"
# Cookies open doors as well; what else does is known by its name.
_COOKIES = frozenset({"cookie", "set-cookie"})


class Redactor:
    """Replaces known secrets, and what is secret by its name, with `HIDDEN`.

    A value is found as it is, with any part of it percent-encoded (also twice), escaped for JSON or HTML, and inside
    base64, where it stands in an ``Authorization: Basic`` header.

    Args:
        values: The secrets; those of fewer than four characters would hide half of every text and are not looked for.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = sorted({value for value in values if len(value) >= 4}, key=len, reverse=True)
        forms = [form for value in known for form in (_spelled(value), *_in_base64(value))]
        self._known = re.compile("|".join(forms)) if forms else None

    def __repr__(self) -> str:
        return "<redactor>"

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is None:
            return _masked(text)
        shown = _masked(self._known.sub(HIDDEN, text))
        # What stands beside a secret that is hidden may make up another one, alone or with the sign for what is hidden.
        return HIDDEN if self._known.search(shown) or self._known.search(shown.replace(HIDDEN, "")) else shown

    def short(self, text: str) -> str:
        """The beginning of a text without secrets; cut after they are taken out, so that no part of one is left."""
        shown = self(text)
        return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]} ..."

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers as they may be kept: those that are secret by their name are hidden whole."""
        open_ones = {name: HIDDEN if name.lower() in _COOKIES else value for name, value in headers.items()}
        return {name: self(str(value)) for name, value in masked(open_ones).items()}


def _masked(text: str) -> str:
    return str(masked({"text": text})["text"])


def _spelled(value: str) -> str:
    """A pattern for a value, each character as it is or in one of the ways in which it may be written instead."""
    return "".join(_character(character) for character in value)


def _character(character: str) -> str:
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode())
    others = {html.escape(character), "+" if character == " " else character} - {character}
    ways = [rf"\\?{re.escape(character)}", percent, *map(re.escape, sorted(others))]
    return f"(?:{'|'.join(ways)})"


def _in_base64(value: str) -> list[str]:
    """Patterns for base64 texts that hold a value, whatever stands before and after it."""
    cores = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + value.encode()).decode().rstrip("=")
        # Characters at the ends that are also made of what stands beside the value.
        ends = 0 if (before + len(value.encode())) % 3 == 0 else 1
        cores.add(whole[(0, 2, 3)[before] : len(whole) - ends])
    # The bound keeps the search linear; what stands further before is not the secret's.
    return [f"{_BASE64}{{0,3}}{_either_alphabet(core)}{_BASE64}*" for core in sorted(cores) if len(core) >= 4]


def _either_alphabet(core: str) -> str:
    return "".join({"+": "[+-]", "/": "[/_]"}.get(character, character) for character in core)
