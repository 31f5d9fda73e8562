"""What ``finq data`` says of the stored data, and what it does to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.cli.backup import backup, restore
from finq_predictor.cli.data import data
from finq_predictor.domain.errors import SourceUnavailableError


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


def test_what_is_pushed_is_pulled_by_another_machine(root, tmp_path_factory, bucket):
    other = tmp_path_factory.mktemp("other") / "data"
    pushed = CliRunner().invoke(data, ["push", "s3://house/finq", "--root", str(root)])
    assert (pushed.exit_code, pushed.stdout) == (
        0,
        f"equity: s3://house/finq gives out {SnapshotStore(root, 'equity').newest().id} (2 files sent).\n",
    )
    pulled = CliRunner().invoke(data, ["pull", "s3://house/finq", "--root", str(other)])
    assert pulled.exit_code == 0, pulled.output
    assert "is published, below" in pulled.stdout
    assert finq(other, "verify")[0] == 0
    assert "here already" in CliRunner().invoke(data, ["pull", "s3://house/finq", "--root", str(other)]).stdout
    assert "nothing is new" in CliRunner().invoke(data, ["push", "s3://house/finq", "--root", str(root)]).stdout
    pruned = CliRunner().invoke(data, ["prune", "s3://house/finq", "--keep", "1"])
    assert pruned.stdout == "s3://house/finq: 0 snapshots and 0 files (0 MB) removed.\n"


def test_a_pull_that_goes_on_survives_a_store_that_does_not_answer(root, tmp_path_factory, bucket, monkeypatch):
    other = tmp_path_factory.mktemp("other") / "data"
    CliRunner().invoke(data, ["push", "s3://house/finq", "--root", str(root)])
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            put(root, "provenance", "three")
            CliRunner().invoke(data, ["push", "s3://house/finq", "--root", str(root)])
            monkeypatch.setattr(ObjectStore, "read", unanswered)
        elif len(looks) == 2:
            monkeypatch.setattr(ObjectStore, "read", answered)
        else:
            raise KeyboardInterrupt

    def unanswered(*given: object) -> None:
        raise SourceUnavailableError("The object store did not read.")

    answered = ObjectStore.read
    monkeypatch.setattr("finq_predictor.cli.data.time.sleep", sleep)
    done = CliRunner().invoke(data, ["pull", "s3://house/finq", "--root", str(other), "--every", "5"])
    assert "Looked for again in 5 s." in done.output
    assert looks == [5.0, 5.0, 5.0]
    assert path_of(other, "equity", "provenance").read_text() == "three"


def test_an_older_snapshot_belongs_to_one_market(root, bucket):
    done = CliRunner().invoke(data, ["pull", "s3://house/finq", "--root", str(root), "--id", "000001-abc"])
    assert done.exit_code == 2
    assert "give --market as well" in done.output


def test_nothing_to_pull_is_said(tmp_path, bucket):
    done = CliRunner().invoke(data, ["pull", "s3://house/finq", "--root", str(tmp_path / "other")])
    assert done.exit_code == 1
    assert "push with: finq data push s3://house/finq" in done.output


def test_a_backup_goes_to_a_url_and_comes_back(root, tmp_path_factory, bucket):
    other = tmp_path_factory.mktemp("other") / "data"
    made = CliRunner().invoke(backup, ["--root", str(root), "s3://house/finq/monday"])
    assert made.exit_code == 0, made.output
    assert "copied from" in made.stdout
    back = CliRunner().invoke(restore, ["--root", str(other), "s3://house/finq/monday"])
    assert back.exit_code == 0, back.output
    assert finq(other, "verify")[0] == 0
    assert not Path("s3:").exists()
