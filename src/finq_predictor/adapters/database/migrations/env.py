"""What Alembic runs to go from one step to another, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from finq_predictor.adapters.database import access_schema as _access  # noqa: F401 - its tables belong to the metadata
from finq_predictor.adapters.database.partitions import is_partition
from finq_predictor.adapters.database.schema import metadata


def _ours(name: str | None, kind: str, parents: object) -> bool:  # noqa: ARG001 - Alembic's signature
    return not (kind == "table" and name is not None and is_partition(name))


context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, include_name=_ours, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
