"""What AWS shall hold: held to the form of Terraform, schemas of its providers, policies and rules of our own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from checkers import DEPLOY, checker, ran

from finq_predictor.adapters.environment.declared import DECLARED

TERRAFORM = DEPLOY / "terraform"
HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "terraform_schema.json").read_text(encoding="utf-8"))
# What Terraform itself takes in every resource, and what the parser adds.
QUIET = {"CHECKPOINT_DISABLE": "1", "HOME": "/nonexistent"}
EVERYWHERE = {"count", "for_each", "depends_on", "lifecycle", "provider", "__start_line__", "__end_line__"}


def read(folder: Path) -> dict[str, Any]:
    done = ran(checker("python"), HERE / "read_terraform.py", folder)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def blocks(files: dict[str, Any], what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Blocks of one kind with their address, such as ``aws_vpc.main``."""
    for content in files.values():
        for one in content.get(what, []):
            for kind, named in one.items():
                if what in ("resource", "data"):
                    for name, body in named.items():
                        yield f"{kind}.{name}", body
                else:
                    yield kind, named


def misfits(schema: dict[str, Any], body: dict[str, Any], where: str) -> Iterator[str]:
    """What of a block its provider does not know, or misses."""
    for name in set(body) - EVERYWHERE - set(schema):
        yield f"{where}: nobody knows {name}"
    for name, known in schema.items():
        if known["required"] and name not in body:
            yield f"{where}: {name} is missing"
        for inner in body.get(name, []) if "block" in known else []:
            if isinstance(inner, dict):
                yield from misfits(known["block"], inner, f"{where}.{name}")


def faults(folder: Path) -> set[str]:
    """What is wrong with a folder that its form does not show."""
    told = read(folder)
    if told["errors"]:
        return {f"{file}: {error}" for file, error in told["errors"].items()}
    files, found = told["files"], set()
    resources, data = dict(blocks(files, "resource")), dict(blocks(files, "data"))
    for prefix, known in (("", resources), ("data.", data)):
        for address, body in known.items():
            kind = prefix + address.partition(".")[0]
            if kind not in SCHEMA:
                found.add(f"{kind}: no schema; make_terraform_schema.py writes it")
            else:
                found |= set(misfits(SCHEMA[kind], body, prefix + address))
    text = "\n".join(
        re.sub(r"^\s*#.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for file in sorted(folder.glob("*.tf"))
    )
    variables = {name for name, _ in blocks(files, "variable")}
    used = set(re.findall(r"\bvar\.(\w+)", text))
    found |= {f"var.{name}: is not declared" for name in used - variables}
    found |= {f"var.{name}: is used by nobody" for name in variables - used}
    values = {name for content in files.values() for one in content.get("locals", []) for name in one} - EVERYWHERE
    used = set(re.findall(r"\blocal\.(\w+)", text))
    found |= {f"local.{name}: is not declared" for name in used - values}
    found |= {f"local.{name}: is used by nobody" for name in values - used}
    found |= {f"data.{one}: is not declared" for one in set(re.findall(r"\bdata\.(\w+\.\w+)", text)) - set(data)}
    named = set(re.findall(r"(?<![\w./\"-])((?:aws|random)_\w+\.\w+)", re.sub(r"\bdata\.\w+\.\w+", "", text)))
    found |= {f"{one}: is not declared" for one in named - set(resources)}
    if circle := _circle(resources | {f"data.{address}": body for address, body in data.items()}, files):
        found.add(f"each waits for the next: {' -> '.join(circle)}")
    for name, body in [*blocks(files, "variable"), *blocks(files, "output")]:
        if not body.get("description"):
            found.add(f"{name}: nobody says what it is")
    found |= {f"{one}: a password in the file" for one in re.findall(r'(?:password|token)\s*=\s*("[^"$]+")', text)}
    return found


def _circle(known: dict[str, Any], files: dict[str, Any]) -> list[str]:
    """Addresses of which each needs the next one and the last the first; empty where there are none."""
    local = {
        name: value for content in files.values() for one in content.get("locals", []) for name, value in one.items()
    }
    nodes = known | {f"local.{name}": value for name, value in local.items()}
    graph = {}
    for address, body in nodes.items():
        words = set(re.findall(r"(?:data\.)?\w+\.\w+", json.dumps(body)))
        graph[address] = (words & set(nodes)) - {address}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(one) for one in error.args[1]]
    return []


def test_it_is_whole_and_fits_its_providers():
    assert faults(TERRAFORM) == set()


def test_it_has_the_form_of_terraform():
    done = ran(
        checker("terraform"),
        "fmt",
        "-check",
        "-diff",
        TERRAFORM,
        env={"CHECKPOINT_DISABLE": "1", "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stdout


MISTAKES = {
    "a brace": ("network.tf", "enable_dns_hostnames = true\n", "enable_dns_hostnames = true {\n", "network.tf"),
    "a variable of nobody": ("network.tf", "var.zones[count", "var.zone[count", "var.zone: is not declared"),
    "a resource of nobody": (
        "databases.tf",
        "aws_subnet.database[*]",
        "aws_subnet.db[*]",
        "aws_subnet.db: is not declared",
    ),
    "a local of nobody": ("keys.tf", "local.account}:root", "local.accounts}:root", "local.accounts: is not declared"),
    "data of nobody": ("keys.tf", "document.key.json", "document.keys.json", "document.keys: is not declared"),
    "a misspelt argument": ("databases.tf", "  multi_az   ", "  multi_zone   ", "nobody knows multi_zone"),
    "one further within": (
        "cluster.tf",
        "    endpoint_private_access",
        "    endpoint_private",
        "main.vpc_config: nobody",
    ),
    "a circle": (
        "keys.tf",
        "description         = local.name",
        "description         = aws_eks_cluster.main.name",
        "each waits",
    ),
    "something missing": ("databases.tf", "  instance_class  ", "  #instance_class  ", "instance_class is missing"),
    "a password": ("databases.tf", "random_password.database.result\n", '"correct-horse"\n', "a password in the file"),
    "an unused variable": (
        "cluster.tf",
        "var.kubernetes_version",
        '"1.31"',
        "var.kubernetes_version: is used by nobody",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused(tmp_path, mistake):
    file, old, new, said = MISTAKES[mistake]
    copy = Path(shutil.copytree(TERRAFORM, tmp_path / "terraform"))
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(said in one for one in faults(copy)), faults(copy)


def test_a_bad_form_is_refused(tmp_path):
    (tmp_path / "one.tf").write_text('variable "a" {\n      type=string\n}\n')
    done = ran(checker("terraform"), "fmt", "-check", tmp_path, env=QUIET)
    assert done.returncode != 0
    assert "one.tf" in done.stdout


PLANTED = """
resource "aws_security_group" "b" {
  description = "Anybody may try to sign in"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    description = "x"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_db_instance" "c" {
  instance_class      = "db.m7g.large"
  publicly_accessible = true
}
"""


def scanned(folder: Path) -> tuple[int, dict[str, str]]:
    """How many policies hold, and which do not, by the resource that breaks them."""
    options = ("--skip-download", "--quiet", "--compact", "--framework", "terraform", "-o", "json")
    done = ran(checker("checkov"), "-d", folder, *options)
    told = json.loads(done.stdout)
    failed = {f"{one['check_id']} {one['resource']}": one["check_name"] for one in told["results"]["failed_checks"]}
    assert done.returncode == (1 if failed else 0)
    return told["summary"]["passed"], failed


def test_no_policy_is_broken_but_by_those_who_say_why(tmp_path):
    passed, failed = scanned(TERRAFORM)
    assert failed == {}
    assert passed > 300
    skips = re.findall(r"#checkov:skip=(\w+):(.*)", "\n".join(file.read_text() for file in TERRAFORM.glob("*.tf")))
    assert all(len(why) > 15 for _, why in skips)
    (tmp_path / "one.tf").write_text(PLANTED)
    _, planted = scanned(tmp_path)
    wanted = {"CKV_AWS_24 aws_security_group.b", "CKV_AWS_17 aws_db_instance.c", "CKV_AWS_16 aws_db_instance.c"}
    assert wanted <= set(planted)


def test_what_pods_may_do_is_what_they_need():
    text = (TERRAFORM / "access.tf").read_text(encoding="utf-8")
    assert set(re.findall(r'"([a-z0-9]+):\*"', text)) == set()
    api = text.split('data "aws_iam_policy_document" "api" {')[1].split("\n}\n")[0]
    assert set(re.findall(r'"((?:s3|kms):\w+)"', api)) == {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
    accounts = dict(re.findall(r'^    (\w+) +=\s*"finq:(finq-\w+)"$', text, re.MULTILINE))
    assert accounts == {"api": "finq-api", "runs": "finq-runs"}, "as the chart calls its accounts"


def test_the_secret_holds_what_the_chart_gives_to_pods():
    told = (TERRAFORM / "databases.tf").read_text(encoding="utf-8").split("jsonencode({")[1].split("})")[0]
    names = set(re.findall(r"^    (\w+) +=", told, re.MULTILINE))
    chart = (DEPLOY / "helm" / "finq" / "templates" / "secrets.yaml").read_text(encoding="utf-8")
    assert names == set(re.findall(r'"(\w+)"', re.search(r"\(list ([^)]*)\)", chart)[1]))
    assert {f"FINQ_{name.upper()}" for name in names - {"metrics_key"}} <= {
        one.name for one in DECLARED.values() if one.secret
    }


def test_the_balancer_hides_what_nginx_hides():
    rule = (TERRAFORM / "balancer.tf").read_text(encoding="utf-8").split('"inside" {')[1].split("\n}\n")[0]
    assert set(re.findall(r'"(/\w+)"', rule)) == {"/metrics", "/livez", "/readyz", "/healthz"}


def test_there_is_a_registry_for_every_image_that_is_released():
    text = (TERRAFORM / "cluster.tf").read_text(encoding="utf-8")
    made = set(re.findall(r'"(\w+)"', re.search(r"for_each += toset\(\[(.*)\]\)", text)[1]))
    released = (DEPLOY.parent / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    pushed = set(re.search(r"matrix: \{image: \[(.*)\]\}", released)[1].split(", ")) | {"api"}
    pods = (DEPLOY / "helm" / "finq" / "templates").glob("*.yaml")
    started = {one for file in pods for one in re.findall(r'"image" "(\w+)"', file.read_text(encoding="utf-8"))}
    assert made == pushed
    assert started <= made
    assert 'name                 = "${local.name}/finq-${each.key}"' in text
