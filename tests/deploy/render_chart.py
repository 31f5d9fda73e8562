"""Renders a chart and holds each object to the schemas of Kubernetes; for the interpreter of `.venv-checkers`.

It reads JSON, a list of `{"chart": folder, "values": {...}, "release": name}`, and writes for each
`{"objects": [...], "errors": [...]}`: what was rendered, or what Helm or a schema has against it. Instead of a chart, a
case can be `{"objects": [...]}`, which are only held to their schemas.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from helm_python import Chart, HelmError, lint

VERSIONS = ("1.28", "1.37")
CRDS = Path(__file__).parent / "crds"


def checked(chart: str, values: dict[str, Any], release: str) -> dict[str, Any]:
    """What a chart makes of values."""
    try:
        with Chart.load(chart) as loaded:
            loaded.validate_schema(values)
            rendered = loaded.render(values, name=release, namespace="finq")
        said = lint(chart, values, strict=True)
    except HelmError as error:
        return {"objects": [], "errors": [f"helm: {error}"]}
    errors = [f"lint: {one['error']}" for one in said["messages"] if one["severity"] > 1]
    texts = [text for name, text in rendered.items() if name.endswith(".yaml")]
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]
    return {"objects": objects, "errors": errors + [fault for one in objects for fault in faults(one)]}


def faults(one: dict[str, Any]) -> list[str]:
    """What the schemas have against an object; one of an unknown kind is at fault itself."""
    name = f"{one.get('kind')} {one.get('metadata', {}).get('name')}"
    own = CRDS / f"{one.get('kind')}.json"
    if own.exists():
        found = jsonschema.Draft202012Validator(json.loads(own.read_text())).iter_errors(one)
        return [f"{name}: {error.json_path}: {error.message}" for error in found]
    told = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            told.append(f"{name}: {version}: {getattr(error, 'message', error)}")
    return told


if __name__ == "__main__":
    told = []
    for case in json.load(sys.stdin):
        given = case.get("objects")
        told.append(checked(**case) if given is None else {"errors": [fault for one in given for fault in faults(one)]})
    json.dump(told, sys.stdout)
