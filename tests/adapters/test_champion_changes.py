"""Approving, refusing and going back on a real MLflow store, and what the check of the log finds there."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_model_registry import KNOWN, NAME, exported, registration

from finq_predictor.adapters import champion_changes
from finq_predictor.adapters.chained_file import lock_of
from finq_predictor.adapters.champion_changes import approve, begin_anew, refuse, roll_back, settle, verify
from finq_predictor.adapters.datasets.registry import IncumbentDataset
from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import ANCHOR, APPROVAL, ModelRegistry
from finq_predictor.adapters.registration import Registration
from finq_predictor.adapters.tracking import connect
from finq_predictor.cli import cli
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.log import Act, canonical, sealed
from synthetic_evaluation import make_world

pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]
GRACE = Invocation(user="grace", typed="finq rollback equity")


@pytest.fixture(scope="module")
def world():
    return make_world(days=200, instruments=10)


@pytest.fixture(scope="module")
def two_champions(world, tmp_path_factory) -> Path:
    """A folder in which version 2, xgboost, is in use after version 1, logistic."""
    folder = tmp_path_factory.mktemp("champions")
    registry = of(folder)
    registry.register(of_a_run(registry, registration(world)))
    registry.register(of_a_run(registry, registration(world, "xgboost")))
    return folder


@pytest.fixture
def registry(two_champions, tmp_path, monkeypatch) -> ModelRegistry:
    """The same in a copy; what MLflow stored is read from where it was."""
    root = tmp_path / "data"
    shutil.copytree(two_champions, root)
    return of(root)


def of(root: Path) -> ModelRegistry:
    layout = Layout(root)
    return ModelRegistry("equity", layout.tracking_uri, layout.artifacts, layout.champion("equity"))


def of_a_run(registry: ModelRegistry, given: Registration) -> Registration:
    asked = Invocation(user="ada", params={"seed": 7})
    return replace(given, asked=asked, figures={"auc": 0.53}, run_id=registry._new_run(given))


def root_of(registry: ModelRegistry) -> Path:
    return registry.exported.root


def served(registry: ModelRegistry) -> str:
    return exported({"export_dir": str(Layout(root_of(registry)).champion("equity"))}).name


def in_use(registry: ModelRegistry) -> str:
    return str(registry.champion().version)


def awaiting(registry: ModelRegistry, world: dict, name: str = "logistic") -> str:
    return registry.register(of_a_run(registry, registration(world, name, "awaiting approval")))


def test_every_decision_is_entered_with_all_that_an_auditor_asks_for(registry, world):
    registry.register(of_a_run(registry, registration(world, decision="reject")))
    first, second, third = registry.log.read().records
    assert [one.act for one in (first, second, third)] == [Act.PROMOTE, Act.PROMOTE, Act.REJECT]
    assert [one.in_use for one in (first, second, third)] == ["1", "2", "2"]
    assert (second.champion.version, second.champion.model) == ("1", "logistic")
    assert (second.candidate.figures, second.champion.figures) == ({"auc": 0.53}, {"auc": 0.53})
    origin = world["candidates"]["xgboost"].origin
    assert (second.data_hash, second.feature_set_hash, second.code_hash, second.seed) == (
        origin.data_hash,
        origin.feature_set_hash,
        origin.code_hash,
        origin.seed,
    )
    assert (second.by, second.run, second.judged) == ("ada", 'kedro run --params "seed=7"', 1)
    assert second.run_id == registry.version_of("2").run_id
    assert second.checks[0].name == "has_skill"
    found = verify(registry, root_of(registry))
    assert (found.problems, found.records, found.head) == ((), 3, third.hash)
    assert found.anchors >= 4, "the lock file, two versions, three runs"


def test_the_old_champion_comes_back_and_the_log_says_who_wanted_it(registry):
    entered = roll_back(registry, reason="odd rankings", asked=GRACE)
    assert (entered.act, entered.in_use, entered.by, entered.reason) == (Act.ROLL_BACK, "1", "grace", "odd rankings")
    assert (in_use(registry), served(registry)) == ("1", "logistic")
    assert registry.version_of("1").tags[ANCHOR] == entered.hash
    back = roll_back(registry, "2", reason="it was right", asked=GRACE)
    assert (back.in_use, back.standing, served(registry)) == ("2", "promoted", "xgboost")
    assert verify(registry, root_of(registry)).problems == ()


def test_a_rollback_that_cannot_be_is_refused_and_changes_nothing(registry, world, monkeypatch):
    awaiting(registry, world)
    before = registry.log.path.read_bytes()
    for to, reason, said in [
        (None, " ", "says why; give --reason"),
        ("2", "x", "in use already"),
        ("3", "x", "was never in use: its approval is awaited"),
    ]:
        with pytest.raises(StoreError, match=said):
            roll_back(registry, to, reason=reason)
    with pytest.raises(UnknownNameError, match="Known: 1, 2, 3"):
        roll_back(registry, "9", reason="x")
    with monkeypatch.context() as patched:
        patched.setattr(ModelRegistry, "load_version", lambda *_: (_ for _ in ()).throw(StoreError("it is damaged")))
        with pytest.raises(StoreError, match=r"Version 1 of .* as the service would refuse it: it is damaged"):
            roll_back(registry, reason="x")
    assert registry.log.path.read_bytes() == before
    assert in_use(registry) == "2"


def test_a_model_of_other_features_does_not_come_back(registry, world, monkeypatch):
    bundle = world["candidates"]["logistic"]
    changed = replace(bundle, feature_set=replace(bundle.feature_set, definitions_hash="0" * 64))
    monkeypatch.setattr(ModelRegistry, "load_version", lambda *_: changed)
    with pytest.raises(StoreError, match="as the service would refuse it"):
        roll_back(registry, reason="x")


def test_a_candidate_that_waits_is_not_served_before_somebody_approves_it(registry, world):
    version = awaiting(registry, world)
    assert (version, in_use(registry), served(registry)) == ("3", "2", "xgboost")
    assert registry.log.read().waiting().about == "3"
    assert registry.version_of("3").tags[APPROVAL] == "awaited"
    assert [bundle.version for bundle in registry.load_versions()] == ["1", "2"], "it was never in use"
    entered = approve(registry, "3", by="Grace Hopper", asked=GRACE, reason="looked at it")
    assert (entered.act, entered.approver, entered.by) == (Act.APPROVE, "Grace Hopper", "grace")
    assert entered.checks == registry.log.read().records[2].checks
    assert (in_use(registry), served(registry)) == ("3", "logistic")
    assert registry.load_champion().status is ModelStatus.PROMOTED
    assert registry.version_of("3").tags[APPROVAL] == "approved by Grace Hopper"
    with pytest.raises(StoreError, match="No candidate of equity waits"):
        approve(registry, "3", by="Grace Hopper", asked=GRACE)
    assert verify(registry, root_of(registry)).problems == ()


def test_a_refused_candidate_is_never_served(registry, world):
    awaiting(registry, world)
    with pytest.raises(StoreError, match="says why; give --reason"):
        refuse(registry, "3", by="Grace", asked=GRACE, reason="")
    entered = refuse(registry, "3", by="Grace", asked=GRACE, reason="too few days")
    assert (entered.act, entered.in_use, in_use(registry)) == (Act.REFUSE, "2", "2")
    assert registry.log.read().refusal_of(entered.candidate.model_hash).approver == "Grace"
    with pytest.raises(StoreError, match="No candidate of equity waits"):
        approve(registry, "3", by="Grace", asked=GRACE)
    with pytest.raises(StoreError, match="was never in use: its approval is refused by Grace"):
        roll_back(registry, "3", reason="x")


def test_the_first_candidate_of_all_waits_and_nothing_answers_meanwhile(registry, world):
    connect(registry.tracking_uri).delete_registered_model_alias(NAME, "champion")
    registry.log.path.unlink()
    lock_of(registry.log.path).unlink()
    for version in registry.versions():
        connect(registry.tracking_uri).delete_model_version_tag(NAME, version.version, ANCHOR)
    awaiting(registry, world)
    with pytest.raises(StoreError, match=r"version 3 passed every check and waits for an approval. Approve it: finq"):
        registry.load_champion()
    assert approve(registry, "3", by="Grace", asked=GRACE).champion is None
    assert registry.load_champion().version == "3"


def test_only_the_newest_candidate_waits(registry, world):
    awaiting(registry, world)
    assert awaiting(registry, world, "xgboost") == "4"
    with pytest.raises(StoreError, match=r"Version 3 of .* does not wait for an approval; version 4 does"):
        approve(registry, "3", by="Grace", asked=GRACE)
    assert registry.version_of("3").tags[APPROVAL] == "superseded by version 4"
    with pytest.raises(StoreError, match="gives a name: --by"):
        approve(registry, "4", by=" ", asked=GRACE)


def test_a_candidate_does_not_wait_on_behind_another_champion(registry, world):
    awaiting(registry, world)
    roll_back(registry, reason="odd rankings", asked=GRACE)
    with pytest.raises(StoreError, match="No candidate of equity waits"):
        approve(registry, "3", by="Grace", asked=GRACE)
    assert registry.version_of("3").tags[APPROVAL] == "superseded by version 1"


def test_the_same_candidate_that_is_found_again_waits_once(registry, world):
    once = of_a_run(registry, registration(world, "logistic", "awaiting approval"))
    assert registry.register(once) == registry.register(once) == "3"
    assert [one.act for one in registry.log.read().records].count(Act.AWAIT) == 1


def test_a_flat_candidate_does_not_become_champion_by_approval(registry, world, monkeypatch):
    awaiting(registry, world)
    flat = replace(world["candidates"]["logistic"], calibrator=PlattCalibrator(0.0, -0.018))
    monkeypatch.setattr(ModelRegistry, "load_version", lambda *_: flat)
    with pytest.raises(StoreError, match="same probability"):
        approve(registry, "3", by="Grace", asked=GRACE)


@pytest.mark.parametrize("act", ["approve", "roll back"])
def test_what_a_killed_process_had_entered_is_carried_out_by_the_next(registry, world, monkeypatch, act):
    awaiting(registry, world)

    def do() -> object:
        if act == "approve":
            return approve(registry, "3", by="Grace", asked=GRACE)
        return roll_back(registry, "1", reason="odd rankings", asked=GRACE)

    with monkeypatch.context() as patched:
        patched.setattr(champion_changes, "_carry_out", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            do()
    wanted = {"approve": "3", "roll back": "1"}[act]
    assert in_use(registry) == "2"
    (problem,) = verify(registry, root_of(registry)).problems
    assert f"The log says that version {wanted} is in use, and the registry says 2" in problem
    place = {"tracking_uri": registry.tracking_uri, "artifact_root": str(Layout(root_of(registry)).artifacts)}
    champion = str(Layout(root_of(registry)).champion("equity"))
    incumbent = IncumbentDataset(market="equity", **place, export_dir=champion).load()
    assert incumbent.version == wanted, "the next evaluation compares with what was entered"
    assert in_use(registry) == wanted
    assert [one.act for one in registry.log.read().records].count(
        Act.APPROVE if act == "approve" else Act.ROLL_BACK
    ) == 1
    assert verify(registry, root_of(registry)).problems == ()


def test_a_decision_beside_another_champion_is_made_again(registry, world):
    given = of_a_run(registry, registration(world))
    holder = registry.load_incumbent().holder
    stale = replace(given, decision=replace(given.decision, incumbent=replace(holder, version="1")))
    with pytest.raises(StoreError, match=r"beside version 1 of .*, but version 2 is in use by now. Decide again"):
        registry.register(stale)
    assert in_use(registry) == "2"


def test_an_alias_that_somebody_moved_is_found(registry):
    connect(registry.tracking_uri).set_registered_model_alias(NAME, "champion", "1")
    (problem,) = verify(registry, root_of(registry)).problems
    assert "version 2 is in use, and the registry says 1" in problem
    client = connect(registry.tracking_uri)
    client.set_registered_model_alias(NAME, "champion", "2")
    roll_back(registry, "1", reason="odd rankings", asked=GRACE)
    roll_back(registry, "2", reason="they were right", asked=GRACE)
    roll_back(registry, "1", reason="they were not", asked=GRACE)
    client.delete_registered_model_alias(NAME, "champion")
    with pytest.raises(StoreError, match="it is version none, and nobody entered that"):
        settle(registry)
    client.delete_model_version(NAME, "1")
    client.set_registered_model_alias(NAME, "champion", "2")
    with pytest.raises(StoreError, match="but the registry has no such version: it is older than the log"):
        settle(registry)
    registry.log.path.unlink()
    lock_of(registry.log.path).unlink()
    with pytest.raises(StoreError, match="the log was cut"):
        roll_back(registry, reason="x")


def broken(registry: ModelRegistry, how: str) -> None:
    path = registry.log.path
    lines = path.read_text().splitlines()
    if how == "edited":
        path.write_text("\n".join([lines[0].replace('"ada"', '"eve"'), *lines[1:]]) + "\n")
        return
    kept = lines[:-1]
    if how == "anew":
        kept, previous = [], ""
        for line in lines:
            said = sealed({**json.loads(line), "by": "eve", "previous": previous})
            previous = said["hash"]
            kept.append(canonical(said))
    path.write_text("".join(f"{line}\n" for line in kept))
    head = json.loads(kept[-1])["hash"]
    # Whoever rewrites the log thinks of the lock file, too.
    lock_of(path).write_text(head)


@pytest.mark.parametrize(("how", "said"), [("edited", "Record 1 was edited"), ("anew", "the log was cut")])
def test_a_broken_log_blocks_everything_until_a_person_has_dealt_with_it(registry, world, how, said):
    awaiting(registry, world)
    broken(registry, how)
    content = registry.log.path.read_bytes()
    found = verify(registry, root_of(registry))
    assert any(said in problem for problem in found.problems)
    for blocked in (
        lambda: registry.register(of_a_run(registry, registration(world))),
        lambda: roll_back(registry, reason="x"),
        lambda: approve(registry, "3", by="Grace", asked=GRACE),
    ):
        with pytest.raises(StoreError, match="until a person has dealt with it: finq verify-log equity"):
            blocked()
    assert registry.log.path.read_bytes() == content
    assert in_use(registry) == "2"

    with pytest.raises(StoreError, match="says who and why"):
        begin_anew(registry, root_of(registry), by="", reason="", asked=GRACE)
    entered = begin_anew(registry, root_of(registry), by="Grace", reason="restored by hand", asked=GRACE)
    assert (entered.act, entered.number, entered.in_use, entered.approver) == (Act.BEGIN_ANEW, 1, "2", "Grace")
    assert verify(registry, root_of(registry)).problems == ()
    assert registry.register(of_a_run(registry, registration(world)))
    with pytest.raises(StoreError, match="is whole; there is nothing to deal with"):
        begin_anew(registry, root_of(registry), by="Grace", reason="x", asked=GRACE)


def test_a_hash_of_a_printed_report_is_compared_too(registry):
    head = registry.log.read().head
    assert verify(registry, root_of(registry), (head,)).problems == ()
    (problem,) = verify(registry, root_of(registry), ("f" * 64,)).problems
    assert "No record has the hash ffffffffffffffff, which was noted in given by you" in problem


def test_the_hash_that_stands_in_the_report_is_found(registry):
    page = Layout(root_of(registry)).report("equity")
    page.parent.mkdir(parents=True)
    page.write_text(f"<p>decision <code>{'e' * 64}</code></p>")
    (problem,) = verify(registry, root_of(registry)).problems
    assert f"noted in {page}" in problem


def test_a_champion_from_before_the_log_is_no_fault(registry):
    shutil.rmtree(registry.log.path.parent)
    client = connect(registry.tracking_uri)
    for version in ("1", "2"):
        run = registry.version_of(version).run_id
        client.delete_model_version_tag(NAME, version, ANCHOR)
        client.delete_tag(run, ANCHOR)
    client.delete_registered_model_alias(NAME, "champion")
    with pytest.raises(StoreError, match="has no champion"):
        roll_back(registry, reason="x")
    client.set_registered_model_alias(NAME, "champion", "2")
    found = verify(registry, root_of(registry))
    assert (found.problems, found.notes) == ((), ("Version 2 is in use, and was so before the log began.",))


def test_the_commands_do_the_same_and_say_so(registry, world, tmp_path):
    awaiting(registry, world)
    place = ["--root", str(root_of(registry))]
    told = [*place, "--conf", str(tmp_path)]

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, [*words])
        assert done.exit_code == code, done.output + str(done.exception)
        return done.output

    shown = run("champion", "equity", *place)
    assert "equity: version 2 (xgboost), promoted, since " in shown
    assert "figures      auc 0.53" in shown
    assert "before: 1    auc 0.53" in shown
    assert "check        has_skill: passed 0.001 (limit 0.005)" in shown
    assert "Version 3 waits for an approval since" in shown
    assert "Nothing was decided about equity by 2001-01-01" in run(
        "champion", "equity", "--at", "2001-01-01", *place, code=1
    )
    assert "is in use already" in run("rollback", "equity", "--to", "2", "--reason", "x", *told, code=1)
    assert "is refused" in run("approve", "equity", "3", "--by", "Grace", "--refuse", "--reason", "too few days", *told)
    assert "rolled back to logistic version 1" in run("rollback", "equity", "--reason", "odd rankings", *told)
    history = run("champion", "equity", "--history", *place).splitlines()
    assert [line.split()[2] for line in history] == ["promote", "promote", "awaiting", "refuse", "roll"]
    records = [json.loads(line) for line in run("champion", "equity", "--history", "--json", *place).splitlines()]
    assert records[-1]["run"].startswith("finq")
    assert records[3]["approver"] == "Grace"
    whole = run("verify-log", "equity", *place)
    assert "equity: 5 records are whole, the last one " + records[-1]["hash"] in whole
    broken(registry, "cut")
    assert "equity: BROKEN. No record has the hash" in run("verify-log", "equity", *place, code=1)
    assert "begins anew" in run(
        "verify-log", "equity", "--begin-anew", "--by", "Grace", "--reason", "found out who", *told
    )
    run("verify-log", "equity", *place)
