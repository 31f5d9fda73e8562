from __future__ import annotations

import pytest
from kedro.io import DatasetError

from finq_predictor.adapters.datasets.code_version import CodeVersionDataset, code_hash, git_commit


def test_hash_follows_content_and_names(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    first = code_hash(tmp_path)
    assert first == code_hash(tmp_path)
    (tmp_path / "a.py").write_text("x = 2\n")
    second = code_hash(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, code_hash(tmp_path)}) == 3


def test_commit_is_none_outside_git(tmp_path):
    assert git_commit(tmp_path) is None


def test_load_names_the_code_and_what_computes():
    loaded = CodeVersionDataset().load()
    assert len(loaded.code_hash) == 64
    assert loaded.packages["pandas"].startswith("3.")


def test_code_cannot_be_saved():
    with pytest.raises(DatasetError, match="read-only"):
        CodeVersionDataset().save({})
