"""The body of an answer: unpacked while it comes, never more of it than is allowed, and whole or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from finq_predictor.adapters.http.calls import Outcome
from finq_predictor.adapters.http.faults import PassingError, UnreadableError
from finq_predictor.adapters.http.policy import Policy

# Of zlib: a gzip or zlib heading, whichever comes.
_ANY_HEADING = 47
_PIECE = 1 << 16
_MESSAGES = ("errorMessage", "error_message", "message", "msg", "detail", "error", "errors", "description", "title")


class Body:
    """Takes the pieces of a body as they come over the line.

    Args:
        encoding: The header ``Content-Encoding``.
        policy: How much may come, and how much that may grow to.
        write: Gets what is unpacked, piece by piece.

    Raises:
        UnreadableError: If it is packed in a way that was not asked for.
    """

    def __init__(self, encoding: str, policy: Policy, write: Callable[[bytes], object]) -> None:
        self._policy, self._write = policy, write
        self._packed = encoding.strip().lower() not in ("", "identity")
        if self._packed and encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
            raise UnreadableError(
                f"it is packed as {encoding[:40]!r}, where gzip or nothing was asked for",
                "Look whether something between here and the provider changes answers.",
            )
        self._unpacker = zlib.decompressobj(_ANY_HEADING)
        self.size = 0
        self.unpacked = 0

    def take(self, piece: bytes) -> None:
        """Unpack a piece.

        Raises:
            UnreadableError: If the body is larger than the policy allows.
            PassingError: If it is damaged.
        """
        self.size += len(piece)
        if self.size > self._policy.largest_download:
            raise self._too_large("came", self._policy.largest_download)
        if not self._packed:
            self._keep(piece)
            return
        try:
            while piece:
                self._keep(self._unpacker.decompress(piece, _PIECE))
                piece = self._rest()
        except zlib.error as error:
            raise PassingError(Outcome.CUT_OFF, f"it cannot be unpacked, {error}", size=self.size) from None

    def end(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            PassingError: If what is packed did not end.
        """
        if self._packed and self.size and not self._unpacker.eof:
            raise PassingError(Outcome.CUT_OFF, f"what is packed ends early, after {self.size} bytes", size=self.size)

    def _rest(self) -> bytes:
        """What is left of a piece; another packed part may follow the end of one."""
        if self._unpacker.eof and self._unpacker.unused_data:
            rest = self._unpacker.unused_data
            self._unpacker = zlib.decompressobj(_ANY_HEADING)
            return rest
        return self._unpacker.unconsumed_tail

    def _keep(self, piece: bytes) -> None:
        self.unpacked += len(piece)
        if self.unpacked > self._policy.largest_body:
            raise self._too_large("came out of it", self._policy.largest_body)
        self._write(piece)

    def _too_large(self, what: str, limit: int) -> UnreadableError:
        return UnreadableError(
            f"more than {limit:,} bytes {what}",
            "Ask for a shorter time or fewer symbols at once, or allow more in the policy of the source.",
        )


def whole(pieces: Iterable[bytes], body: Body) -> None:
    """Take all pieces, and make sure that nothing is missing."""
    for piece in pieces:
        body.take(piece)
    body.end()


def as_json(content: bytes, content_type: str) -> Any:
    """What a JSON body says.

    Raises:
        UnreadableError: If it is empty, a page or no JSON.
    """
    refuse_page(content, content_type)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        what = f"it is no JSON ({type(error).__name__}: {error}): {excerpt(content)}"
    raise UnreadableError(what, "The provider may have changed its answers; look at its pages about the interface.")


def as_text(content: bytes, content_type: str) -> str:
    """A body as text, in the charset it says, else UTF-8.

    Raises:
        UnreadableError: If it is empty, or in another charset.
    """
    refuse_empty(content)
    charset = charset_of(content_type)
    try:
        return content.decode("utf-8-sig" if charset in ("utf-8", "utf8") else charset)
    except (UnicodeDecodeError, LookupError) as error:
        what = f"its text is not in {charset[:40]!r} as it says: {type(error).__name__}"
    raise UnreadableError(what, "Take its bytes, if it tells its charset elsewhere, as XML does.")


def charset_of(content_type: str) -> str:
    """The charset of a header ``Content-Type``; ``utf-8`` where it names none."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'").lower() or "utf-8"
    return "utf-8"


def refuse_empty(content: bytes) -> None:
    """Refuse an answer without content.

    Raises:
        UnreadableError: If there is none.
    """
    if not content.strip():
        raise UnreadableError("it is empty", "Ask again later; if it stays empty, look at what was asked for.")


def refuse_page(start: bytes, content_type: str) -> None:
    """Refuse an answer that begins like a page for people.

    Raises:
        UnreadableError: If it does, or is empty.
    """
    refuse_empty(start)
    if "html" in content_type.lower() or start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UnreadableError(
            f"it is a page (HTML or XML) in place of data: {excerpt(start)}",
            "It may be a wall for bots, a login or a proxy of your network; open the address in a browser.",
        )


def excerpt(content: bytes) -> str:
    """The beginning of a body on one line, longer than it is shown, so that secrets are found before it is cut."""
    text = content[: 1 << 14].decode("utf-8", errors="replace")
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def message_of(content: bytes, content_type: str) -> str:
    """What a provider says of an error: its message where it is JSON, else the beginning of it."""
    if "json" not in content_type.lower() and not content.lstrip().startswith((b"{", b"[")):
        return excerpt(content)
    try:
        return excerpt(_message(json.loads(content)).encode())
    except (ValueError, RecursionError):
        return excerpt(content)


def _message(value: Any) -> str:
    if isinstance(value, dict):
        found = [value[name] for name in _MESSAGES if value.get(name)]
        return _message(found[0]) if found else json.dumps(value)
    return value if isinstance(value, str) else json.dumps(value)
