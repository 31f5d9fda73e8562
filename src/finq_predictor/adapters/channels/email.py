"""E-mail through a server of yours."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from finq_predictor.adapters.channels.apprise_services import notify_by, require_apprise
from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.domain.alarms.wording import Wording


class Security(StrEnum):
    """How the connection to the server is protected."""

    STARTTLS = "starttls"
    TLS = "ssl"
    NONE = "insecure"


class EmailOptions(ChannelOptions):
    """The server, and who writes to whom; its secret, where there is a user, is the password.

    Attributes:
        host: The server.
        port: Its port.
        security: ``starttls``, ``ssl`` or ``insecure``.
        user: Who signs in; None where nobody has to.
        sender: From whom the mails are.
        recipients: To whom.
    """

    host: str
    port: int = Field(default=587, gt=0, lt=65536)
    security: Security = Security.STARTTLS
    user: str | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)


class EmailChannel(Channel):
    """Sends one mail to all, as plain text."""

    options = EmailOptions

    def __init__(self, given: Given) -> None:
        options = given.options
        assert isinstance(options, EmailOptions)
        require_apprise()
        from apprise import NotifyFormat
        from apprise.plugins.email import NotifyEmail

        password = given.secret("the password of the user").reveal() if options.user else None
        self._name, self._redact = given.name, Redactor([password] if password else [])
        self._service = NotifyEmail(
            targets=list(options.recipients),
            smtp_host=options.host,
            from_addr=options.sender,
            secure_mode=options.security.value,
            host=options.host,
            port=options.port,
            user=options.user,
            password=password,
            secure=options.security is not Security.NONE,
            format=NotifyFormat.TEXT,
            cto=given.policy.read_seconds,
            rto=given.policy.read_seconds,
        )

    def send(self, wording: Wording) -> None:
        """See ``Channel``."""
        notify_by(self._service, self._name, wording, self._redact)
