"""Which code runs: a hash of the package's own source, the commit and the versions of what computes."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.distributions import installed, needed_by
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.origin import CodeVersion

PACKAGE = Path(__file__).resolve().parents[2]
FRAMEWORKS = (("optuna",), ("mlflow",), ("kedro",))


def code_hash(folder: Path = PACKAGE) -> str:
    """Hash every Python file below a folder, by relative name and content.

    Args:
        folder: The folder of a package.

    Returns:
        64 hexadecimal digits; equal on every machine for equal source.
    """
    digest = sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def git_commit(folder: Path = PACKAGE) -> str | None:
    """The commit checked out around a folder, with ``+`` when tracked files differ from it; None outside git."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "diff", "--quiet", "HEAD"], cwd=folder, capture_output=True, timeout=10
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if dirty else "")


class CodeVersionDataset(ReadOnlyDataset[CodeVersion]):
    """Read-only dataset: which code runs.

    Args:
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The code version is read-only; remove it from the outputs of the node."

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> CodeVersion:
        """Read the hash of the code, the commit and the versions of what computes."""
        versions = installed((*needed_by(MODELS.values()), *FRAMEWORKS))
        return CodeVersion(code_hash=code_hash(), git_commit=git_commit(), packages=versions)

    def _describe(self) -> dict[str, Any]:
        return {"package": PACKAGE.name}
