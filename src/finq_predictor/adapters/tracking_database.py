"""The database of experiments and models in the folder of the data: made once, and at home wherever the folder lies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlparse

from filelock import FileLock

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.object_store.address import is_url
from finq_predictor.domain.errors import ConfigurationError

_LONGEST_WAIT_S = 300.0
_SCHEME = "sqlite:///"
# Where MLflow notes whole paths of the files of experiments, runs and models.
_NOTED = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}
_prepared: set[Path] = set()


def prepare(tracking_uri: str) -> None:
    """Make the database if it is not there, and let it find its files where they lie now.

    MLflow brings the tables of a new database up to date in many steps, and two processes that do so at once destroy
    each other's work; whoever comes second waits. A folder of data that was copied or restored elsewhere still names
    the files of the old place, and a run would write into that; the names are corrected before anything is written.

    Args:
        tracking_uri: Of the MLflow store; a server looks after itself.

    Raises:
        ConfigurationError: If the folder has a name that cannot stand in the URL of a database.
    """
    if not tracking_uri.startswith(_SCHEME):
        return
    parsed = urlparse(tracking_uri)
    if parsed.query or parsed.fragment or "%" in parsed.path or tracking_uri.endswith(("?", "#")):
        raise ConfigurationError(
            f"The folder of the data must not have ?, # or % in its path, because the URL of its database would end "
            f"there; got {tracking_uri.removeprefix(_SCHEME)}. Give another data_root."
        )
    database = Path(tracking_uri.removeprefix(_SCHEME)).resolve()
    if database in _prepared and database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name(f".{database.name}.lock"), timeout=_LONGEST_WAIT_S):
        _bring_up_to_date(tracking_uri)
        _move_home(database, Layout(database.parent).artifacts)
    _prepared.add(database)


def _bring_up_to_date(tracking_uri: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri).search_experiments(max_results=1)


def _move_home(database: Path, artifacts: Path) -> None:
    """Replace the beginning of every noted path that leads into another folder of the same kind."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for old in _other_homes(connection, artifacts):
            for table, columns in _NOTED.items():
                for column in columns:
                    connection.execute(
                        # Names of our own list, values as parameters.
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # nosec B608
                        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                        (str(artifacts), len(old) + 1, old, len(old) + 1, f"{old}/"),
                    )


def _other_homes(connection: sqlite3.Connection, artifacts: Path) -> list[str]:
    # What lies in an object store lies there from wherever it is looked at.
    noted = connection.execute("SELECT artifact_location FROM experiments")
    places = [place for (place,) in noted if place and not is_url(place)]
    marker = f"/{artifacts.name}/"
    homes = {place[: place.rindex(marker) + len(marker) - 1] for place in places if marker in place}
    return sorted(homes - {str(artifacts)})
