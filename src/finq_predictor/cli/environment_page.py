"""The reference page of the variables of the environment."""

from __future__ import annotations

from collections.abc import Iterable

_HEAD = """# Settings: the variables of the environment

Every variable that anything of the product reads, in one table. Processes read them when they start.

- **A name of ours goes before a plain one.** `DATABASE_URL` and the other well-known names of the last column work
  everywhere; where a name of ours is set as well, it counts, and where both say different things, the log says so.
- **A secret** may stand in the variable itself, in the file that the same name with `_FILE` names, or at the place in
  a vault that the name with `_VAULT` says; that goes for plain names too (`DATABASE_URL_FILE`). Two of these for one
  name are an error. See [where secrets come from](../how-to/let-callers-in.md).
- **An unknown name that begins with `FINQ_` is refused** by every command, run, schedule and the API, with the names
  that are near. Variables of your own may begin with `FINQ_OWN_`. What Kubernetes and docker say of services is
  passed over.
- A value that cannot be used is refused with what was expected; no secret is ever shown. An empty value counts as none.
"""


def environment_markdown() -> str:
    """The page."""
    from finq_predictor.adapters.environment.declared import FOREIGN
    from finq_predictor.serving.settings import every_variable
    from finq_predictor.serving.tracing import VARIABLES

    variables = every_variable().values()
    rows = [
        (
            f"`{one.name}`",
            one.meaning,
            one.default,
            ", ".join(reader.value for reader in one.readers),
            "yes" if one.secret else "",
            ", ".join(f"`{name}`" for name in one.plain),
        )
        for one in variables
    ]
    foreign = [(f"`{name}`", meaning) for name, meaning in FOREIGN.items()]
    traced = [(f"`{name}`", meaning) for name, meaning in VARIABLES.items()]
    return "\n".join(
        [
            _HEAD,
            *_table(("Variable", "Meaning", "Default", "Read by", "Secret", "Plain name"), rows),
            "\n## Variables of others\n\nWhat belongs to a library or a server, and is read here as well.\n",
            *_table(("Variable", "Meaning"), foreign),
            "\n## Traces\n\nOf OpenTelemetry, with the extra `otel`; see [send traces](../how-to/send-traces.md).\n",
            *_table(("Variable", "Meaning"), traced),
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines]
