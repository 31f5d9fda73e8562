"""What is written otherwise here is whole words, and can be undone; what could not be is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack import machine
from stack.substitution import Substitution

HERE = Substitution(
    {
        "api:8000": "127.0.0.1:41000",
        "/data": "/here/app/data",
        "/app/data": "/here/x/data",
        "/run/secrets": "/here/k",
    }
)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("http://api:8000/metrics", "http://127.0.0.1:41000/metrics"),
        ("server api:8000;", "server 127.0.0.1:41000;"),
        ("web-api:8000 api:80001 api:8000x", "web-api:8000 api:80001 api:8000x"),
        ("sqlite:////app/data/live/mlflow.db", "sqlite:////here/x/data/live/mlflow.db"),
        ("FINQ_DATA_ROOT=/data/live /my/data /data-old", "FINQ_DATA_ROOT=/here/app/data/live /my/data /data-old"),
        ("cat /run/secrets/key", "cat /here/k/key"),
    ],
)
def test_whole_words_are_written_otherwise_and_back_again(there, here):
    assert HERE.apply(there) == here
    assert HERE.undo(here) == there


@given(st.lists(st.sampled_from([*HERE.pairs, " ", "\n", "=", "x", "/", ":", "9", "live"]), max_size=12).map("".join))
def test_what_was_copied_is_the_file_or_is_refused(text):
    assert HERE.undo(HERE.apply(text)) == text


def test_a_file_that_would_not_be_the_same_again_is_refused(tmp_path):
    (tmp_path / "one").write_text("listen 127.0.0.1:41000;\n")
    with pytest.raises(ValueError, match="the copy would not be the file"):
        HERE.copy(tmp_path / "one", tmp_path / "copy")
    with pytest.raises(ValueError, match="could not be undone"):
        Substitution({"a": "c", "b": "c"})


def test_of_a_folder_the_lines_that_differ_are_counted(tmp_path):
    (tmp_path / "from" / "below").mkdir(parents=True)
    (tmp_path / "from" / "one.yml").write_text("a: api:8000\nb: 1\n")
    script = tmp_path / "from" / "below" / "two.sh"
    script.write_text("cat /run/secrets/key\n")
    script.chmod(0o755)
    copied = HERE.copy(tmp_path / "from", tmp_path / "to")
    assert (copied.files, copied.lines, dict(copied.changed)) == (2, 2, {"one.yml": 1, "two.sh": 1})
    assert (tmp_path / "to" / "below" / "two.sh").stat().st_mode & 0o777 == 0o755


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", {"sed": "sed", "no-such-program": "no-such-package"})
    with pytest.raises(SystemExit, match=r"(?s)no-such-program.*apt-get install -y .*no-such-package.*APT=1"):
        machine.require(install=False)
