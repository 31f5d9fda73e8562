"""What every line of the log has to be, by the schema that the documentation shows."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "log-lines.md"


@cache
def published() -> Draft202012Validator:
    """The schema of the page."""
    found = re.search(r"```json\n({\n  \"\$schema\".*?\n})\n```", PAGE.read_text(), re.DOTALL)
    assert found, "the page shows no schema"
    schema = json.loads(found[1])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def lawful(line: str) -> dict[str, Any]:
    """A line as an object, if it is one as the documentation says."""
    said = json.loads(line)
    faults = [f"{'.'.join(map(str, one.path))}: {one.message}" for one in published().iter_errors(said)]
    assert not faults, f"{line}\n{faults}"
    return said


def lawful_lines(text: str) -> list[dict[str, Any]]:
    """The lines of JSON of a text, each as the documentation says; others are left out."""
    return [lawful(line) for line in text.splitlines() if line.startswith("{")]
