"""What is installed is complete: pages need their templates, types their marker."""

from __future__ import annotations

import tomllib

PACKAGE = "finq_predictor"


def test_every_file_that_is_no_module_is_declared(project_path):
    source = project_path / "src" / PACKAGE
    settings = tomllib.loads((project_path / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"][PACKAGE]
    declared = {path for pattern in patterns for path in source.glob(pattern)}
    files = (path for path in source.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    there = {path for path in files if path.suffix != ".py"}
    assert there - declared == set()
    assert all(any(source.glob(pattern)) for pattern in patterns)
