"""Prints what pyproject.toml lists, one a line: `base` is what everybody needs, every other word an extra."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
lists = {"base": project["dependencies"], **project["optional-dependencies"]}
if unknown := [name for name in sys.argv[1:] if name not in lists]:
    raise SystemExit(f"pyproject.toml has no extra {', '.join(unknown)}; it has {', '.join(sorted(lists))}.")
sys.stdout.writelines(f"{line}\n" for name in sys.argv[1:] for line in lists[name])
