"""Reads files of Terraform; for the interpreter of `.venv-checkers`: writes their blocks as JSON, or what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import hcl2

if __name__ == "__main__":
    read, errors = {}, {}
    for file in sorted(Path(sys.argv[1]).glob("*.tf")):
        try:
            with file.open(encoding="utf-8") as opened:
                read[file.name] = hcl2.load(opened)
        except Exception as error:  # the parser's own kinds are many
            errors[file.name] = f"{type(error).__name__}: {str(error)[:300]}"
    json.dump({"files": read, "errors": errors}, sys.stdout)
