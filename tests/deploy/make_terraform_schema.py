"""Writes terraform_schema.json: what the resources used in deploy/terraform may and have to be given.

It is read from packages of cdktf, which are made of the schemas of the providers themselves, unpacked in one folder:
`pip download --no-deps 'cdktf-cdktf-provider-aws<20' 'cdktf-cdktf-provider-random<12' 'cdktf-cdktf-provider-tls<11'`.
Call it when a resource of another kind is used: `python tests/deploy/make_terraform_schema.py FOLDER`.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TERRAFORM = HERE.parents[1] / "deploy" / "terraform"
# What every resource of cdktf has beside what its provider knows.
THEIRS = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}


def arguments(classes: dict[str, ast.ClassDef], name: str) -> dict[str, Any]:
    """What a block may be given, by name: whether it must be, and what blocks may lie within."""
    (init,) = [one for one in classes[name].body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    found = {}
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        if argument.arg in THEIRS:
            continue
        # A name that Python or cdktf keeps for itself ends in a bar.
        key = argument.arg.rstrip("_")
        said = ast.unparse(argument.annotation) if argument.annotation else ""
        within = next((each for each in re.findall(r"\b[A-Z]\w+", said) if each in classes), None)
        found[key] = {"required": default is None, **({"block": arguments(classes, within)} if within else {})}
    return found


def schema_of(folder: Path, kind: str) -> dict[str, Any]:
    """The arguments of a resource, such as ``aws_vpc``, or of a source of data, such as ``data.aws_vpc``."""
    data, _, name = kind.rpartition(".")
    provider, _, rest = name.partition("_")
    module = f"data_{name}" if data else rest
    file = folder / f"cdktf_cdktf_provider_{provider}" / module / "__init__.py"
    if not file.exists():
        raise SystemExit(f"There is no {file}: nobody knows a resource {kind}.")
    classes = {
        one.name: one for one in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(one, ast.ClassDef)
    }
    (found,) = [name for name, one in classes.items() if one.bases and "MetaArguments" in ast.unparse(one.bases[0])]
    return arguments(classes, found)


def kinds() -> set[str]:
    """All that deploy/terraform uses."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(TERRAFORM.glob("*.tf")))
    found = re.findall(r'^(resource|data) "(\w+)"', text, re.MULTILINE)
    return {name if what == "resource" else f"data.{name}" for what, name in found}


if __name__ == "__main__":
    written = {kind: schema_of(Path(sys.argv[1]), kind) for kind in sorted(kinds())}
    (HERE / "terraform_schema.json").write_text(json.dumps(written, separators=(",", ":"), sort_keys=True) + "\n")
