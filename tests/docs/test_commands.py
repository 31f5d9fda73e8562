"""No page lies: every command exists and parses, what is quick is run, every file and link is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pandas as pd
import pytest
import yaml
from doc_pages import Command, anchors, commands, files, links, pages
from packaging.requirements import Requirement

from finq_predictor.adapters.backup import back_up
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from synthetic_market_files import market_frames, write_market
from synthetic_values import make_decision

PROJECT = Path(__file__).resolve().parents[2]
COMMANDS = commands(PROJECT)
PAGES = pages(PROJECT)
ONCE = list({command.words: command for command in COMMANDS}.values())
MADE_BY_A_RUN = re.compile(r"^data/(0\d_\w+)")
OUR_SETTINGS = re.compile(r"FINQ_\w+|AIRFLOW_HOME|AIRFLOW__\w+|KEDRO_ENV")


# What kinds of commands there are, and how each is checked --------------------------------------------------------


def _check_make(command: Command) -> None:
    """The target is there, and so is every variable that is set."""
    known = set(re.findall(r"^(\w+) *\?=", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    given = {word.partition("=")[0] for word in command.words if "=" in word}
    assert given <= known, f"the Makefile does not know {sorted(given - known)}"
    done = subprocess.run(["make", "-n", *command.words[1:]], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _check_kedro(command: Command) -> None:
    """The command and its options parse; a run also chooses pipelines, nodes and parameters that exist."""
    name, parsed = _parse(_kedro(), list(command.words[1:]))
    if name == "run":
        _check_run(parsed)


def _check_finq(command: Command) -> None:
    from finq_predictor.cli import cli

    _parse(cli, list(command.words[1:]))


def _check_curl(command: Command) -> None:
    from finq_predictor.serving.app import PATHS

    asked = _request(command)
    assert asked.path in PATHS, f"the API has no {asked.path}; it has {sorted(PATHS)}"


def _check_airflow(command: Command) -> None:
    dags = {block.get("dag_id") for block in _yaml("conf/base/airflow.yml").values()}
    match command.words[1:]:
        # These are what tests/airflow_server.py starts.
        case ("db", "migrate") | ("api-server" | "scheduler" | "dag-processor" | "triggerer",):
            pass
        case ("pools", "import", file):
            assert (PROJECT / file).is_file()
        case ("dags", "test", dag):
            assert dag in dags
        case words:
            pytest.fail(f"an Airflow command that no test knows: {words}")


def _check_python(command: Command) -> None:
    """Only pip, with requirements that parse, and pytest, with files that exist."""
    match command.words[1:]:
        case ("-m", "pip", "install" | "uninstall", *wanted):
            named = [word for word in wanted if not word.startswith("-")]
            assert named, "nothing is installed"
            assert all(Requirement(word).name for word in named)
        case ("-m", "pytest", *wanted):
            files = _without_option(_without_option(wanted, "-m"), "-k")
            assert all((PROJECT / word).exists() for word in files if not word.startswith("-"))
        case ("-m", "venv", _):
            pass
        case ("-m", "kedro", *words):
            _check_kedro(replace(command, words=("kedro", *words)))
        case words:
            pytest.fail(f"a Python command that no test knows: {words}")


def _check_bentoml(command: Command) -> None:
    match command.words[1:]:
        case ("serve", service, *_) if ":" in service:
            module = service.partition(":")[0].replace(".", "/")
            assert (PROJECT / "src" / f"{module}.py").exists()
        case ("serve" | "build", *rest):
            folders = [word for word in rest if not word.startswith("-")]
            assert all((PROJECT / folder).exists() for folder in folders)
        case words:
            pytest.fail(f"a BentoML command that no test knows: {words}")


def _check_git(command: Command) -> None:
    assert command.words[1] in {"add", "checkout", "clone", "commit", "init", "tag"}


def _check_dvc(command: Command) -> None:
    """It is not installed here; these words were run by hand against a store, with dvc 3.67."""
    match command.words[1:]:
        case ("init" | "push" | "pull" | "status",):
            pass
        case ("add", file):
            assert MADE_BY_A_RUN.match(file)
        case ("config", "core.analytics", "false"):
            pass
        case ("remote", "add", "--default", _, url):
            assert url.startswith("s3://")
        case ("remote", "modify", "--local", _, "endpointurl", url):
            assert urlsplit(url).hostname
        case words:
            pytest.fail(f"a DVC command that no test knows: {words}")


def _check_docker(command: Command) -> None:
    """A part of the stack that is there, and within it a command of ours that parses."""
    match command.words[1:]:
        case ("compose", "-f", "deploy/compose/compose.yml", "exec", "api", "finq", *words):
            from finq_predictor.cli import cli

            _parse(cli, words)
        case ("compose", "-f", "deploy/compose/compose.yml", "restart", part):
            assert part in _yaml("deploy/compose/compose.yml")["services"]
        case words:
            pytest.fail(f"a docker command that no test knows: {words}")


def _check_cd(command: Command) -> None:
    assert len(command.words) == 2


def _check_export(command: Command) -> None:
    names = [word.partition("=")[0] for word in command.words[1:]]
    assert all(OUR_SETTINGS.fullmatch(name) for name in names), f"nothing reads one of {names}"


def _check_ls(command: Command) -> None:
    assert all(MADE_BY_A_RUN.match(word) or (PROJECT / word).exists() for word in command.words[1:])


KINDS: dict[str, Callable[[Command], None]] = {
    "make": _check_make,
    "kedro": _check_kedro,
    "finq": _check_finq,
    "curl": _check_curl,
    "airflow": _check_airflow,
    "python": _check_python,
    "python3.11": _check_python,
    "bentoml": _check_bentoml,
    "git": _check_git,
    "dvc": _check_dvc,
    "docker": _check_docker,
    "cd": _check_cd,
    "export": _check_export,
    "ls": _check_ls,
}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_known_and_parses(command: Command) -> None:
    program = Path(command.words[0]).name
    assert program in KINDS, f"no test knows what {program!r} is: {command}"
    if "/" in command.words[0]:
        assert command.words[0] in {f".venv{which}/bin/{program}" for which in ("", "-airflow", "-spark")}
    for setting in command.settings:
        assert OUR_SETTINGS.fullmatch(setting.partition("=")[0]), f"nothing reads {setting}"
    KINDS[program](command)


@pytest.mark.parametrize("command", ["kedro run --pipelines=nothing", "kedro run --env=nowhere", "finq foretell"])
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    words = tuple(command.split())
    with pytest.raises((AssertionError, click.UsageError)):
        KINDS[words[0]](Command("nowhere.md", command, words, ()))


# What is quick is run ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(small_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the library it uses
        from starlette.testclient import TestClient

    from finq_predictor.serving.app import create_app
    from finq_predictor.serving.settings import Settings

    # What it says is recorded, and the data are those of every test.
    state = tmp_path_factory.mktemp("said")
    settings = Settings(data_root=small_project, state_root=state, keeper=False, auth="off")
    with TestClient(create_app(settings)) as started:
        yield started


@pytest.mark.parametrize("command", [c for c in ONCE if c.words and c.words[0] == "curl"], ids=str)
def test_a_request_is_answered(command: Command, client: Any) -> None:
    asked = _request(command)
    answer = client.request(asked.method, asked.url, content=asked.body, headers=asked.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() if "json" in answer.headers["Content-Type"] else answer.text


# The whole history of a market is audited by the tutorial, which audits both.
LONGER = "finq audit --market equity"


def _marked(command: Command) -> Any:
    return pytest.param(command, marks=pytest.mark.proof if str(command).endswith(LONGER) else (), id=str(command))


@pytest.mark.slow
@pytest.mark.parametrize("command", [_marked(c) for c in ONCE if c.words and Path(c.words[0]).name == "finq"])
def test_a_command_of_the_project_runs(command: Command, small_project: Path, tmp_path: Path) -> None:
    words = _without_option(list(command.words[1:]), "--root")
    match words[0]:
        case "predict" | "portfolio":
            words += ["--root", str(small_project)]
        case "audit":
            words = [*_without_option(words, "--times"), "--root", str(small_project), "--times", "1"]
        case "replay":
            # It writes into the report; the bars of a page may be many.
            root = Path(shutil.copytree(small_project, tmp_path / "data"))
            words = [*_without_option(_without_option(words, "--bars"), "--env"), "--root", str(root), "--bars", "2"]
        case "init":
            bars, benchmark = market_frames(3)
            files = write_market(tmp_path, bars, benchmark)
            shutil.copytree(PROJECT / "conf" / "base", tmp_path / "conf" / "base")
            words = ["init", "--from", files["bars"], "--benchmark", files["benchmark"], "--conf", f"{tmp_path}/conf"]
        case "docs":
            words = [*_without_option(words, "--target"), "--target", str(tmp_path)]
        case "data" | "backup" | "restore" if any(word.startswith("s3://") for word in words):
            pytest.skip("it needs an object store; tests/adapters/object_store and tests/cli run it against one")
        case "db":
            pytest.skip("it needs a database; tests/adapters/database runs it against one")
        case "score":
            features = tmp_path / "features.parquet"
            pd.read_parquet(path_of(small_project, "equity", "gold")).tail(50).to_parquet(features)
            words = ["score", str(features), "--root", str(small_project), "--market", "equity"]
        case "features" if words[1] == "get":
            words += ["--root", str(small_project)]
        case "features" if words[1] == "materialize":
            SnapshotStore(small_project, "fx").newest().copy(tmp_path)
            words += ["--root", str(tmp_path)]
        case "features" if words[1] == "history":
            moments = tmp_path / "moments.parquet"
            pd.read_parquet(path_of(small_project, "fx", "gold"), columns=["instrument", "ts"]).tail(9).to_parquet(
                moments
            )
            words = [*_without_option(_without_option(words, "--entities"), "--to"), "--entities", str(moments)]
            words += ["--to", str(tmp_path / "answered.parquet"), "--root", str(small_project)]
        case "features" if words[1] == "feast":
            words = ["features", "feast", str(tmp_path / "feast"), "--root", str(small_project), "--market", "fx"]
        case "auth":
            pytest.skip("it makes accounts; tests/cli/test_auth_commands.py runs them in a folder of its own")
        case "challenger" | "experiment":
            pytest.skip("it needs a second model; tests/serving/test_trying.py and test_experiment_report.py run it")
        case "alarms" | "notify":
            pytest.skip("it tells somebody; tests/cli/test_alarm_commands.py runs it in a folder of its own")
        case "schedule" if "--list" not in words:
            pytest.skip("it goes on until it is stopped; tests/cli/test_schedule_command.py runs it on small jobs")
        case "study":
            pytest.skip("it takes its time; tests/cli/test_study_command.py runs it on the small project")
        case "retrain":
            words += ["--root", str(tmp_path)]
        case "served" | "score-card":
            pytest.skip("it needs what a service has answered; tests/serving runs it on that")
        case "champion":
            # What was decided in the small project was decided today.
            words = [*_without_option(words, "--at"), "--root", str(small_project)]
        case "verify-log" | "approve" | "rollback":
            pytest.skip("it is about two champions; tests/adapters/test_champion_changes.py runs it on them")
        case "reproduce":
            pytest.skip("it makes a whole run again; tests/replay/test_reproducing.py does")
        case "data" if words[1] == "rollback":
            root = Path(shutil.copytree(small_project, tmp_path / "data"))
            oldest = SnapshotStore(root, "equity").ids()[0]
            words = [*_without_option(words, "--to"), "--root", str(root), "--to", oldest]
        case "data":
            words += ["--root", str(small_project)]
        case "backup" if words[1] in ("daily", "weekly", "list", "drill"):
            pytest.skip("it makes and clears away backups; tests/adapters/archives runs it in folders of its own")
        case "backup":
            words = ["backup", "--root", str(small_project), str(tmp_path / "backup")]
        case "restore":
            back_up(small_project, tmp_path / "backup")
            words = ["restore", "--root", str(tmp_path / "restored"), str(tmp_path / "backup")]
    finq = Path(sys.executable).parent / "finq"
    done = subprocess.run([finq, *words], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [c for c in ONCE if c.words and c.words[0] == "ls"], ids=str)
def test_a_listed_folder_is_there_after_a_run(command: Command, small_project: Path) -> None:
    for word in command.words[1:]:
        path = small_project / word.removeprefix("data/") if MADE_BY_A_RUN.match(word) else PROJECT / word
        assert path.exists()


def test_the_rollback_of_the_runbook_works(
    small_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two champions are registered in a store of its own; the command brings the first one back."""
    from click.testing import CliRunner

    from finq_predictor.adapters.bundle_store import load_bundle
    from finq_predictor.adapters.model_registry import ModelRegistry
    from finq_predictor.adapters.registration import Registration
    from finq_predictor.cli import cli

    (command,) = [
        one for one in COMMANDS if one.page.endswith("champion-rollback.md") and one.words[1:2] == ("rollback",)
    ]
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    export = Layout(tmp_path / "data").champion("equity")
    registry = ModelRegistry("equity", "sqlite:///data/mlflow.db", "data/mlartifacts", export)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("logistic", "xgboost"):
            bundle = load_bundle(path_of(small_project, "equity", "candidates") / name)
            registry.register(Registration(make_decision(), bundle, _no_rows(), {}, {"model": name}))
        assert load_bundle(path_of(tmp_path / "data", "equity", "champion")).name == "xgboost"
        done = CliRunner().invoke(cli, [*command.words[1:]])
    assert done.exit_code == 0, done.output
    assert "equity: rolled back to logistic version 1" in done.output
    assert load_bundle(path_of(tmp_path / "data", "equity", "champion")).name == "logistic"


# Files and links -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{target.name} has no heading #{parts.fragment}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_named_files_are_there(page: Path) -> None:
    named = [name for name in files(page) if not name.startswith("data/") and "<" not in name]
    # By make dags and make secrets, and by whoever has keys or settings.
    made = {"deploy/airflow/dags", "deploy/compose/secrets", "deploy/compose/.env"}
    made |= {"conf/local/credentials.yml", "conf/local/alarms.yml", "conf/local/airflow.yml"}
    assert [name for name in named if name.rstrip("/") not in made and not (PROJECT / name).exists()] == []


def test_named_results_are_there_after_a_run(small_project: Path) -> None:
    absent = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in files(page)
        if MADE_BY_A_RUN.match(name)
        if not (small_project / name.removeprefix("data/").replace("<market>", "equity")).exists()
    ]
    assert absent == []


def test_every_page_is_in_the_index() -> None:
    index = PROJECT / "docs" / "README.md"
    listed = {(index.parent / urlsplit(link).path).resolve() for link in links(index)}
    folders = ("tutorial", "how-to", "explanation", "runbooks", "reference")
    there = {page for folder in folders for page in (PROJECT / "docs" / folder).glob("*.md")}
    assert sorted(page.name for page in there - listed) == []


# ---------------------------------------------------------------------------------------------------------------------


class _Asked:
    """A request as curl would send it."""

    def __init__(self) -> None:
        self.method, self.url, self.body = "GET", "", None
        self.headers: dict[str, str] = {}

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def _request(command: Command) -> _Asked:
    asked, words = _Asked(), iter(command.words[1:])
    for word in words:
        if word in ("-X", "--request"):
            asked.method = next(words)
        elif word in ("-H", "--header"):
            name, _, value = next(words).partition(":")
            asked.headers[name.strip()] = value.strip()
        elif word in ("-d", "--data"):
            asked.body = next(words)
            json.loads(asked.body)
            asked.method = "POST"
        elif word.startswith("http"):
            parts = urlsplit(word)
            assert parts.netloc in ("127.0.0.1:8000", "localhost:8000"), f"nothing of ours answers at {word}"
            asked.url = parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            assert word in ("-s", "-i", "-f"), f"no test knows what curl does with {word!r}"
    return asked


def _kedro() -> click.Group:
    from kedro.framework.cli.cli import KedroCLI

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KedroCLI(PROJECT)


def _parse(command: click.Command, words: list[str]) -> tuple[str, dict[str, Any]]:
    """Let click read the words down to the last subcommand; it raises where one or an option does not exist."""
    name = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = click.Context(command)
        while isinstance(command, click.Group):
            name, found, words = command.resolve_command(context, words)
            assert found is not None, f"there is no command {name!r}"
            command, context = found, click.Context(found, parent=context)
        return name, command.make_context(name, words, parent=context.parent).params


def _check_run(given: dict[str, Any]) -> None:
    from finq_predictor.pipeline_registry import register_pipelines

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipelines = register_pipelines()
    environment = given["env"] or "local"
    assert (PROJECT / "conf" / environment).is_dir(), f"there is no environment {environment!r}"
    chosen = _names(given["pipelines"]) or _names(given["pipeline"]) or ["__default__"]
    assert set(chosen) <= set(pipelines)
    pipeline = sum((pipelines[name] for name in chosen[1:]), pipelines[chosen[0]])
    if namespaces := _names(given["namespaces"]):
        pipeline = pipeline.only_nodes_with_namespaces(namespaces)
    if nodes := _names(given["node_names"]):
        pipeline = pipeline.only_nodes(*nodes)
    assert pipeline.nodes
    _check_parameters(environment, given["params"])


def _names(given: Any) -> list[str]:
    return given.split(",") if isinstance(given, str) else list(given or ())


def _check_parameters(environment: str, given: dict[str, Any]) -> None:
    """Each is read by the configuration, and what becomes of a stage's parameters is accepted by the stage."""
    from kedro.config import OmegaConfigLoader

    from finq_predictor.settings import CONFIG_LOADER_ARGS

    text = "".join(file.read_text(encoding="utf-8") for file in (PROJECT / "conf").rglob("*.yml"))
    read = set(re.findall(r"runtime_params:(\w+)", text))
    assert set(given) <= read | set(MARKETS), f"nothing reads {sorted(set(given) - read - set(MARKETS))}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loader = OmegaConfigLoader(str(PROJECT / "conf"), env=environment, runtime_params=given, **CONFIG_LOADER_ARGS)
        parameters = loader["parameters"]
    for market, stages in given.items():
        for stage in stages if market in MARKETS else ():
            _params_of(stage)(**parameters[market][stage])
            assert stage in _yaml(f"conf/base/parameters/{stage}.yml")[market], f"{market} has no stage {stage!r}"


def _params_of(stage: str) -> Any:
    from importlib import import_module

    return getattr(import_module(f"finq_predictor.pipelines.{stage}.params"), f"{stage.title()}Params")


def _without_option(words: list[str], option: str) -> list[str]:
    if option not in words:
        return words
    place = words.index(option)
    return words[:place] + words[place + 2 :]


def _yaml(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / path).read_text(encoding="utf-8")))


def _no_rows() -> Any:
    import pandas as pd

    return pd.DataFrame({"ts": pd.to_datetime([], utc=True), "instrument": pd.Series([], dtype="str")})
