"""What ``finq data`` says of the stored data, and what it does to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.cli.data import data


@pytest.fixture
def root(tmp_path) -> Path:
    """Two snapshots; in the newer one the checks are older than the provenance that they were made from."""
    put(tmp_path, "provenance", "one")
    first = SnapshotStore(tmp_path, "equity").newest()
    work = writer.begin(SnapshotStore(tmp_path, "equity"), by="kedro run", code="c" * 64)
    put(tmp_path, "ingestion_checks", "of one")
    work.descend("ingestion_checks", {"provenance": first.manifest.entries["provenance"].content})
    work.publish()
    writer.end(work)
    put(tmp_path, "provenance", "two")
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    writer.store(locate(root / "02_silver" / "equity" / f"{name}.json"), lambda path: path.write_text(text))


def finq(root: Path, command: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(data, [command, "--root", str(root), *words])
    return done.exit_code, done.output


def test_versions_lists_what_is_new_in_each_and_marks_the_newest(root):
    code, told = finq(root, "versions")
    assert code == 0
    assert [line[:2] for line in told.splitlines()] == ["  ", "  ", "* "]
    assert [line.rpartition("  ")[2] for line in told.splitlines()] == ["provenance", "ingestion_checks", "provenance"]


def test_verify_tells_what_is_older_than_its_parents_and_does_not_fail(root):
    code, told = finq(root, "verify")
    assert code == 0
    assert "all 2 datasets are whole" in told
    assert "The ingestion_checks of equity is older than what it was made from (provenance was replaced)." in told
    assert "older" not in finq(root, "verify", "--every")[1].splitlines()[1]


@pytest.mark.parametrize(("damage", "said"), [("gone", "is gone"), ("other", "is not what was stored")])
def test_verify_fails_where_a_file_is_not_what_was_stored(root, damage, said):
    file = path_of(root, "equity", "provenance")
    file.unlink() if damage == "gone" else file.write_text("three")
    code, told = finq(root, "verify")
    assert code == 1
    assert f"provenance: {file} {said}" in told


def test_rollback_publishes_the_older_state_as_a_new_one(root):
    store = SnapshotStore(root, "equity")
    assert path_of(root, "equity", "provenance").read_text() == "two"
    code, told = finq(root, "rollback", "--market", "equity", "--to", "000002")
    assert code == 0, told
    assert told.startswith("equity: 000004-")
    assert path_of(root, "equity", "provenance").read_text() == "one"
    assert store.newest().manifest.rolled_back_to == store.ids()[1]
    assert "as 000002-" in finq(root, "versions")[1]
    assert "older than" not in finq(root, "verify")[1]


def test_rollback_refuses_what_is_not_whole(root):
    SnapshotStore(root, "equity").open("000001").path("provenance").write_text("spoilt")
    code, told = finq(root, "rollback", "--market", "equity", "--to", "000001")
    assert code == 1
    assert "is not whole" in told
    assert SnapshotStore(root, "equity").newest().id.startswith("000003")


def test_path_says_where_the_newest_version_lies(root):
    assert finq(root, "path", "--market", "equity", "provenance") == (
        0,
        f"{path_of(root, 'equity', 'provenance')}\n",
    )


@pytest.mark.parametrize("command", [("versions",), ("verify",), ("rollback", "--market", "fx", "--to", "1")])
def test_where_nothing_was_published_it_is_said_so(tmp_path, command):
    code, told = finq(tmp_path, command[0], *command[1:])
    assert code == 1
    assert "Nothing was published below" in told
