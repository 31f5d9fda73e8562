"""The Helm chart: what Helm makes of it, held to the schemas of Kubernetes and to rules that no schema knows."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from checkers import DEPLOY, checker, ran

from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.settings import every_variable

CHART = DEPLOY / "helm" / "finq"
SCRIPT = Path(__file__).parent / "render_chart.py"
CRDS = SCRIPT.with_name("crds")
URL = {"publish": {"url": "s3://house/finq"}}
EVERYTHING = {
    **URL,
    "image": {"registry": "registry.example.com/", "pullSecrets": ["pull"]},
    "secrets": {"providers": ["FINQ_FRED_KEY"], "external": {"enabled": True, "store": {"name": "store"}}},
    "serviceAccounts": {"runs": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/runs"}}},
    "api": {"env": {"FINQ_ALLOWED_HOSTS": "finq.example.com"}},
    "runs": {
        "mode": "cronjobs",
        "volume": {"storageClass": "efs", "accessMode": "ReadWriteMany"},
        "pushGateway": {"url": "http://push.monitoring:9091", "cidr": "10.9.0.0/16", "port": 9091},
    },
    "ingress": {"enabled": True, "host": "finq.example.com", "annotations": {"a": "b"}},
    "targetGroup": {"arn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/finq/1"},
    "networkPolicy": {"balancers": ["10.20.0.0/22"], "tracing": {"cidr": "10.9.0.0/16", "port": 4318}},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "rules": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
}


def rendered(*cases: tuple[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    told = [{"chart": str(chart), "values": values, "release": "finq"} for chart, values in cases]
    done = ran(checker("python"), SCRIPT, input=json.dumps(told))
    assert done.returncode == 0, done.stderr[-3000:]
    return list(json.loads(done.stdout))


def values_of(name: str) -> dict[str, Any]:
    return {**yaml.safe_load((CHART / f"values-{name}.yaml").read_text(encoding="utf-8")), **URL}


@pytest.fixture(scope="module")
def releases() -> dict[str, list[dict[str, Any]]]:
    """All objects, by the values they were rendered with."""
    given = {"default": URL, "small": values_of("small"), "large": values_of("large"), "everything": EVERYTHING}
    given["elsewhere"] = {**URL, "runs": {"mode": "none"}, "networkPolicy": {"enabled": False}}
    found = rendered(*((CHART, values) for values in given.values()))
    assert [one["errors"] for one in found] == [[]] * len(given)
    return {name: one["objects"] for name, one in zip(given, found, strict=True)}


def only(objects: list[dict[str, Any]], kind: str, end: str = "") -> dict[str, Any]:
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(end)]
    return found


def pods(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Templates of pods, with the kind and name of what they belong to."""
    found = []
    for one in objects:
        spec = one.get("spec", {}).get("jobTemplate", one).get("spec", {})
        if one["kind"] in ("Deployment", "CronJob", "StatefulSet", "DaemonSet", "Job"):
            found.append((f"{one['kind']} {one['metadata']['name']}", spec["template"]))
    return found


# Rules that no schema knows ------------------------------------------------------------------------------------------


def _chosen(labels: dict[str, str], selector: dict[str, Any]) -> bool:
    wanted = selector.get("matchLabels", selector)
    return wanted.items() <= labels.items()


def faults(objects: list[dict[str, Any]]) -> set[str]:
    """What is wrong with a release as a whole."""
    found = set()
    labels = {name: template["metadata"]["labels"] for name, template in pods(objects)}
    accounts = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    claims = {one["metadata"]["name"] for one in objects if one["kind"] == "PersistentVolumeClaim"}
    for one in objects:
        name, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
        selector = spec.get("podSelector" if one["kind"] == "NetworkPolicy" else "selector", {})
        if one["kind"] == "Deployment" and not _chosen(labels[name], selector):
            found.add(f"{name}: chooses not its own pods")
        chooses = one["kind"] in ("Service", "PodDisruptionBudget")
        if chooses and not any(_chosen(each, selector) for each in labels.values()):
            found.add(f"{name}: chooses no pod")
        if one["kind"] == "Service":
            ports = {p["name"] for n, t in pods(objects) if _chosen(labels[n], selector) for p in _ports(t)}
            found |= {f"{name}: no port {p['targetPort']}" for p in spec["ports"] if p["targetPort"] not in ports}
        if one["kind"] == "HorizontalPodAutoscaler":
            target = f"{spec['scaleTargetRef']['kind']} {spec['scaleTargetRef']['name']}"
            owned = next((each for each in objects if _name(each) == target), None)
            if owned is None or "replicas" in owned["spec"]:
                found.add(f"{name}: {target} is not there or says itself how many")
        if one["kind"] == "Ingress":
            services = {each["metadata"]["name"] for each in objects if each["kind"] == "Service"}
            backends = {p["backend"]["service"]["name"] for rule in spec["rules"] for p in rule["http"]["paths"]}
            found |= {f"{name}: no service {each}" for each in backends - services}
        if one["kind"] == "ServiceMonitor" and not any(
            _chosen(each["metadata"]["labels"], selector)
            and {e["port"] for e in spec["endpoints"]} <= {p["name"] for p in each["spec"]["ports"]}
            for each in objects
            if each["kind"] == "Service"
        ):
            found.add(f"{name}: chooses no service")
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    for name, template in pods(objects):
        spec = template["spec"]
        if policies:
            mine = [each for each in policies if _chosen(labels[name], each["podSelector"])]
            if {way for each in mine for way in each["policyTypes"]} != {"Ingress", "Egress"}:
                found.add(f"{name}: no policy closes it")
            if not any(each.get("egress") for each in mine):
                found.add(f"{name}: reaches nobody")
        if spec["serviceAccountName"] not in accounts:
            found.add(f"{name}: no account {spec['serviceAccountName']}")
        named = {volume["name"] for volume in spec["volumes"]}
        found |= {
            f"{name}: no claim {volume['persistentVolumeClaim']['claimName']}"
            for volume in spec["volumes"]
            if volume.get("persistentVolumeClaim", {}).get("claimName", next(iter(claims), None)) not in claims
        }
        context = spec["securityContext"]
        if not (context.get("runAsNonRoot") and context.get("runAsUser") == 10001 and "seccompProfile" in context):
            found.add(f"{name}: may be root")
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            here = f"{name}/{container['name']}"
            own = container["securityContext"]
            if (
                not own["readOnlyRootFilesystem"]
                or own["allowPrivilegeEscalation"]
                or own["capabilities"] != {"drop": ["ALL"]}
            ):
                found.add(f"{here}: is not held small")
            if set(container["resources"]) != {"requests", "limits"}:
                found.add(f"{here}: no limits")
            found |= {f"{here}: no volume {m['name']}" for m in container["volumeMounts"] if m["name"] not in named}
            found |= {
                f"{here}: no port {p}"
                for p in _probed(container)
                if p not in {e["name"] for e in container.get("ports", [])}
            }
            if container["image"].endswith(":latest"):
                found.add(f"{here}: any version")
    return found


def _name(one: dict[str, Any]) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


def _ports(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [port for container in template["spec"]["containers"] for port in container.get("ports", [])]


def _probed(container: dict[str, Any]) -> set[str]:
    probes = [container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")]
    return {probe["httpGet"]["port"] for probe in probes if probe}


def test_every_release_is_valid_and_whole(releases):
    assert {name: faults(objects) for name, objects in releases.items()} == {name: set() for name in releases}
    kinds = {one["kind"] for objects in releases.values() for one in objects}
    assert kinds == {
        *("Deployment", "CronJob", "Service", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
        *("NetworkPolicy", "PersistentVolumeClaim", "ServiceAccount", "ExternalSecret", "ServiceMonitor"),
        *("TargetGroupBinding", "PrometheusRule", "ConfigMap"),
    }


def test_it_grows_as_was_asked(releases):
    found = {}
    for name in ("default", "small", "large"):
        spec = only(releases[name], "HorizontalPodAutoscaler")["spec"]
        found[name] = (spec["minReplicas"], spec["maxReplicas"], [one["type"] for one in spec["metrics"]])
    assert found == {
        "default": (3, 20, ["ContainerResource", "Pods"]),
        "small": (1, 3, ["ContainerResource"]),
        "large": (6, 50, ["ContainerResource", "Pods"]),
    }
    cpu, rate = only(releases["default"], "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert cpu["containerResource"]["target"]["averageUtilization"] == 70
    assert rate["pods"]["target"]["averageValue"] == "30"


def test_probes_settings_and_files_are_those_of_the_service(releases):
    template = only(releases["everything"], "Deployment", "-api")["spec"]["template"]["spec"]
    (api,) = [one for one in template["containers"] if one["name"] == "api"]
    paths = {path for operation in OPERATIONS for path in operation.paths}
    probes = {kind: api[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert set(probes.values()) <= paths
    known = {form for one in every_variable().values() for form in one.forms}
    assert {one["name"] for one in api["env"]} <= known
    (secret,) = [volume["secret"] for volume in template["volumes"] if "secret" in volume]
    files = {f"/run/secrets/finq/{one['path']}" for one in secret["items"]}
    assert {one["value"] for one in api["env"] if one["name"].endswith("_FILE")} == files
    external = only(releases["everything"], "ExternalSecret")["spec"]
    assert {one["key"] for one in secret["items"]} <= {one["secretKey"] for one in external["data"]}
    assert external["target"]["name"] == secret["secretName"]
    assert not [
        one for one in template["containers"] if one["name"] == "follow" and "secrets" in str(one["volumeMounts"])
    ]


def test_alarms_and_dashboards_are_those_of_every_other_place(releases):
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "finq.yml").read_text(encoding="utf-8"))
    assert only(releases["everything"], "PrometheusRule")["spec"] == rules
    assert only(releases["everything"], "PrometheusRule")["metadata"]["labels"]["release"] == "prometheus"
    shown = {}
    for one in releases["large"]:
        if one["kind"] == "ConfigMap":
            assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
            shown |= {name: json.loads(text) for name, text in one["data"].items()}
    files = (DEPLOY / "grafana" / "dashboards").glob("*.json")
    assert shown == {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    # Alarms ask for the service by this name, whatever the release is called.
    (endpoint,) = only(releases["large"], "ServiceMonitor", "-api")["spec"]["endpoints"]
    jobs = {one["replacement"] for one in endpoint["relabelings"] if one["targetLabel"] == "job"}
    assert jobs <= set(re.findall(r'up\{job=~"([^"]+)"', str(rules)))


def test_the_outside_sees_what_nginx_lets_through(releases):
    ingress = only(releases["everything"], "Ingress")
    paths = [(one["path"], one["pathType"]) for rule in ingress["spec"]["rules"] for one in rule["http"]["paths"]]

    def let_through(path: str) -> bool:
        exact = any(kind == "Exact" and path == one for one, kind in paths)
        return exact or any(kind == "Prefix" and f"{path}/".startswith(f"{one}/") for one, kind in paths)

    inside = {"/metrics", "/readyz", "/livez", "/healthz"}
    for operation in OPERATIONS:
        for path in operation.paths:
            assert let_through(path) == (path not in inside), path


def test_only_named_namespaces_reach_a_pod_and_only_one_the_runs(releases):
    objects = releases["everything"]
    api = only(objects, "NetworkPolicy", "-api")["spec"]
    (rule,) = api["ingress"]
    *sources, balancers = rule["from"]
    names = [one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in sources]
    assert names == ["ingress-nginx", "monitoring"]
    assert balancers == {"ipBlock": {"cidr": "10.20.0.0/22"}}
    (rule,) = only(objects, "NetworkPolicy", "-runs")["spec"]["ingress"]
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert rule == {"from": [monitoring], "ports": [{"protocol": "TCP", "port": "figures"}]}
    ports = {port["port"] for rule in api["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 5432, 6379, 4318}
    assert {p["port"] for r in only(objects, "NetworkPolicy", "-runs")["spec"]["egress"] for p in r["ports"]} == {
        53,
        443,
        # Scheduled predictions are stored, and backups dumped.
        5432,
        6379,
        9091,
    }


def test_the_cluster_starts_what_the_schedule_has_at_its_times(releases):
    schedule = read_schedule(DEPLOY.parent, "base")
    timed = {name: (job.schedule, job.timezone) for name, job in schedule.items() if job.schedule is not None}
    started = {}
    for one in (one for one in releases["everything"] if one["kind"] == "CronJob"):
        (run,) = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        (name,) = [each["value"] for each in run["env"] if each["name"] == "JOB"]
        started[name] = (one["spec"]["schedule"], one["spec"]["timeZone"].replace("Etc/", ""))
    assert started == timed


def test_figures_of_the_runs_reach_prometheus_beside_those_of_jobs(releases):
    """Without the first, Prometheus gives another name to the job of every figure; without the second it finds none."""
    objects = releases["large"]
    (endpoint,) = only(objects, "ServiceMonitor", "-runs")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    containers = only(objects, "Deployment", "-runs")["spec"]["template"]["spec"]["containers"]
    measuring, node = (one for one in containers if one["name"] in ("figures", "node"))
    at = measuring["command"][measuring["command"].index("--target") + 1]
    assert f"--collector.textfile.directory={at}" in node["args"]
    assert {mount["mountPath"] for one in (measuring, node) for mount in one["volumeMounts"]} >= {at}
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {one["job_name"] for one in scraped["scrape_configs"]}
    monitors = [one for one in objects if one["kind"] == "ServiceMonitor"]
    assert {one["spec"]["endpoints"][0]["relabelings"][0]["replacement"] for one in monitors} <= jobs


def test_what_the_cluster_starts_tells_a_push_gateway(releases):
    for job in (one for one in releases["everything"] if one["kind"] == "CronJob"):
        (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        told = {each["name"]: each.get("value") for each in container["env"]}
        assert told["FINQ_PUSH_GATEWAY"] == "http://push.monitoring:9091"
    opened = only(releases["everything"], "NetworkPolicy", "-runs")["spec"]["egress"][-1]
    assert opened == {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 9091}]}
    assert "FINQ_PUSH_GATEWAY" not in json.dumps(releases["default"])


def test_every_command_of_ours_in_a_pod_exists(releases):
    """Down to its options, also within what a shell is given."""
    from finq_predictor.cli import cli

    ours: set[tuple[str, ...]] = set()
    for _, template in pods([*releases["default"], *releases["everything"]]):
        for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
            words = container.get("command", [])
            if words and words[0] == "sh":
                ours |= {tuple(shlex.split(one)) for one in re.findall(r"(?:finq|kedro) [^|&;]+", words[-1])}
            elif words:
                ours.add(tuple(words))
    assert {words[:3] for words in ours if words[0] == "finq"} >= {("finq", "data", "pull"), ("finq", "data", "push")}
    for _, name, *options in sorted(ours):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about Kedro's own
            command = cli.get_command(click.Context(cli), name)
            assert command is not None, name
            if isinstance(command, click.Group):
                name, command, options = command.resolve_command(click.Context(command), options)
            command.make_context(name, list(options))


# Argo CD -------------------------------------------------------------------------------------------------------------


def held(objects: list[dict[str, Any]]) -> list[str]:
    done = ran(checker("python"), SCRIPT, input=json.dumps([{"objects": objects}]))
    assert done.returncode == 0, done.stderr[-3000:]
    return list(json.loads(done.stdout)[0]["errors"])


def test_argo_cd_installs_this_chart_with_values_that_it_takes():
    project, application = yaml.safe_load_all((DEPLOY / "argocd" / "application.yaml").read_text(encoding="utf-8"))
    assert held([project, application]) == []
    spec, source = application["spec"], application["spec"]["source"]
    assert spec["project"] == project["metadata"]["name"]
    assert source["repoURL"] in project["spec"]["sourceRepos"]
    assert spec["destination"] in project["spec"]["destinations"]
    assert project["spec"]["clusterResourceWhitelist"] == []
    chart = DEPLOY.parent / source["path"]
    merged: dict[str, Any] = {}
    files = [yaml.safe_load((chart / name).read_text(encoding="utf-8")) for name in source["helm"]["valueFiles"]]
    for given in [*files, source["helm"]["valuesObject"]]:
        merge(merged, given)
    (found,) = rendered((chart, merged))
    assert found["errors"] == []
    assert faults(found["objects"]) == set()
    assert only(found["objects"], "TargetGroupBinding")["spec"]["targetType"] == "ip"
    application["spec"]["syncPolicy"]["automate"] = application["spec"]["syncPolicy"].pop("automated")
    project["spec"]["destinations"][0]["names"] = "x"
    assert len(held([project, application])) == 2


def test_whoever_deploys_may_change_what_the_chart_is_made_of_and_no_more(releases):
    text = (DEPLOY / "kubernetes" / "deployer.yaml").read_text(encoding="utf-8")
    namespace, role, binding = objects = list(yaml.safe_load_all(text))
    assert held(objects) == []
    assert held([role | {"rules": [{"verb": ["get"]}]}])
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    group = f'kubernetes_groups = ["{binding["subjects"][0]["name"]}"]'
    assert group in (DEPLOY / "terraform" / "access.tf").read_text(encoding="utf-8")
    allowed = {(rule["apiGroups"][0], rule["resources"][0]) for rule in role["rules"]}
    operators = {
        (one["apiVersion"].partition("/")[0], f"{one['kind'].lower()}s")
        for one in releases["everything"]
        if (CRDS / f"{one['kind']}.json").exists()
    }
    assert allowed == operators
    # What the namespace lets in, beside what every pod is held to anyway.
    kinds = {kind for _, pod in pods(releases["everything"]) for one in pod["spec"]["volumes"] for kind in one} - {
        "name"
    }
    assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}


def merge(values: dict[str, Any], more: dict[str, Any]) -> None:
    """As Helm lays one file of values over another."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            merge(values[name], value)
        else:
            values[name] = value


# Planted mistakes ----------------------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, str, str]] = {
    "a wrong type": ("api.yaml", "maxUnavailable: 0", "maxUnavailable: [0]", "is not"),
    "an unknown key": ("api.yaml", "revisionHistoryLimit: 5", "revisionHistoryLimits: 5", "revisionHistoryLimits"),
    "an unknown kind": (
        "runs.yaml",
        "kind: PersistentVolumeClaim",
        "kind: PersistentVolumeClam",
        "PersistentVolumeClam",
    ),
    "a template that does not end": ("api.yaml", "{{- if .Values.ingress.enabled }}", "{{- if }}", "helm"),
    "a misspelt field of an operator": ("api.yaml", "  endpoints:\n", "  endpoint:\n", "endpoint"),
    "a misspelt field of alarms": ("monitoring.yaml", "spec:\n", "specs:\n", "specs"),
    "a misspelt field of secrets": ("secrets.yaml", "secretKey:", "secretsKey:", "secretsKey"),
}
VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown value": ({**URL, "api": {"replicas": 3}}, "replicas"),
    "a value of another type": ({**URL, "api": {"workers": "two"}}, "workers"),
    "no bucket": ({}, "publish.url is empty"),
    "a bucket of another kind": ({"publish": {"url": "gs://house"}}, "publish"),
    "an unknown mode": ({**URL, "runs": {"mode": "cron"}}, "mode"),
    "a variable of nobody": ({**URL, "api": {"env": {"DEBUG": "1"}}}, "DEBUG"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> dict[str, list[str]]:
    """What is said against each mistake."""
    cases = []
    for file, old, new, _ in CHANGES.values():
        copy = Path(shutil.copytree(CHART, tmp_path_factory.mktemp("mistake") / "finq"))
        text = (copy / "templates" / file).read_text(encoding="utf-8")
        assert old in text
        (copy / "templates" / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        cases.append((copy, EVERYTHING))
    cases += [(CHART, values) for values, _ in VALUES.values()]
    found = rendered(*cases)
    return {name: one["errors"] for name, one in zip([*CHANGES, *VALUES], found, strict=True)}


@pytest.mark.parametrize("mistake", [*CHANGES, *VALUES])
def test_a_mistake_is_refused(refused, mistake):
    said = CHANGES[mistake][3] if mistake in CHANGES else VALUES[mistake][1]
    assert refused[mistake], "nobody noticed"
    assert re.search(re.escape(said), "\n".join(refused[mistake])), refused[mistake]


def _selector(objects: list[dict[str, Any]]) -> None:
    only(objects, "Service", "-api")["spec"]["selector"]["app.kubernetes.io/component"] = "apis"


def _policy(objects: list[dict[str, Any]]) -> None:
    objects[:] = [
        one for one in objects if not (one["kind"] == "NetworkPolicy" and one["metadata"]["name"] != "finq-api")
    ]


def _probe(objects: list[dict[str, Any]]) -> None:
    only(objects, "Deployment", "-api")["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "web"


def _root(objects: list[dict[str, Any]]) -> None:
    only(objects, "Deployment", "-api")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0


def _writable(objects: list[dict[str, Any]]) -> None:
    container = only(objects, "Deployment", "-api")["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["readOnlyRootFilesystem"] = False


def _claim(objects: list[dict[str, Any]]) -> None:
    only(objects, "PersistentVolumeClaim")["metadata"]["name"] = "finq-date"


def _replicas(objects: list[dict[str, Any]]) -> None:
    only(objects, "Deployment", "-api")["spec"]["replicas"] = 3


def _monitor(objects: list[dict[str, Any]]) -> None:
    only(objects, "ServiceMonitor", "-api")["spec"]["endpoints"][0]["port"] = "https"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_selector, "Service finq-api: chooses no pod"),
        (_policy, "Deployment finq-runs: no policy closes it"),
        (_probe, "Deployment finq-api/api: no port http"),
        (_root, "Deployment finq-api: may be root"),
        (_writable, "Deployment finq-api/api: is not held small"),
        (_claim, "Deployment finq-runs: no claim finq-data"),
        (_replicas, "HorizontalPodAutoscaler finq-api: Deployment finq-api is not there or says itself how many"),
        (_monitor, "ServiceMonitor finq-api: chooses no service"),
    ],
)
def test_our_own_rules_refuse_a_mistake(releases, change: Callable[[list[dict[str, Any]]], None], said):
    objects = json.loads(json.dumps(releases["large"]))
    change(objects)
    assert said in faults(objects)
