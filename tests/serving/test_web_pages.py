"""The pages for people: what stands on each, that nothing smuggled in is anything but text, and errors as pages."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.score_cards import FILE
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.evaluation.realised import Counts, Figure
from finq_predictor.domain.evaluation.score_cards import FeedbackCounts, ScoreCard, ScoreCards
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.modelling.refusals import RULES
from finq_predictor.domain.panel import Panel
from finq_predictor.serving.answers import Served
from finq_predictor.serving.past import Past
from finq_predictor.serving.routes.instrument_page import FLAGS
from finq_predictor.serving.routes.standing_pages import beside
from finq_predictor.serving.view import View
from synthetic_values import make_decision

PATHS = ["/", "/instrument?name=AAPL", "/model?market=fx", "/scores", "/status", "/login", "/docs"]
EVIL = """A"'><img src=x onerror=alert(1)>&{{7*7}}"""


class Page(HTMLParser):
    """A page taken apart: which tags with which attributes, its words, its rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        self.words += " " if tag in ("td", "th", "dt", "dd", "li", "caption") else ""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"style", "script"} & set(self._open):
            self.words += data

    def having(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def read(client, path, status=200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    page = Page(answer.text)
    page.words = re.sub(r"\s+", " ", page.words)
    return page


@pytest.fixture
def elsewhere(client, monkeypatch):
    """Let the running service read another folder of the data."""

    def turn(root):
        api = client.app.state.runtime
        monkeypatch.setattr(api, "settings", api.settings.model_copy(update={"data_root": root}))
        monkeypatch.setattr(api, "past", Past(root))

    return turn


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_whole_by_itself_and_easy_to_find_ones_way_in(client, path):
    page = read(client, path)
    assert [len(page.having(tag)) for tag in ("main", "h1", "header", "footer")] == [1] * 4
    assert page.having("html") == [{"lang": "en"}]
    assert all(one.get("aria-label") for one in page.having("nav"))
    assert page.tags[[tag for tag, _ in page.tags].index("body") + 1] == ("a", {"class": "skip", "href": "#main"})
    assert len(page.having("caption")) == len(page.having("table"))
    assert all("scope" in one for one in page.having("th"))
    ids = [one["id"] for _, one in page.tags if "id" in one]
    assert len(ids) == len(set(ids))
    named = {word for _, one in page.tags for word in (one.get("aria-labelledby") or "").split()}
    assert named <= set(ids)
    places = [one[name] for _, one in page.tags for name in ("src", "href") if name in one]
    assert not [place for place in places if re.match(r"(https?:)?//", place or "")]
    assert not [one for _, one in page.tags if "style" in one or any(name.startswith("on") for name in one)]


@pytest.mark.parametrize("path", PATHS)
def test_the_policy_knows_style_and_script_by_their_hashes_and_nothing_else(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert ("script-src" in policy) == ("<script>" in answer.text)
    for tag in ("style", "script"):
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL):
            assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert answer.text.count("<script") == answer.text.count("<script>")


def test_the_ranking_leads_to_each_instrument_and_model(client):
    links = {one["href"] for one in read(client, "/").having("a")}
    assert {"/instrument?name=BRK.B&market=equity", "/instrument?name=ORCL&market=equity", "/model?market=fx"} <= links


def test_an_instrument_is_told_with_what_speaks_for_it_and_what_became_of_it(client):
    page = read(client, "/instrument?name=eur/usd")
    now = client.post("/predict", {"instrument": "EUR_USD"}).json()
    past = client.get("/history?instrument=EUR_USD").json()["bars"]
    for words in (
        now["question"],
        f"the probability of up is {100 * now['probability']:.1f}%",
        f"{100 * now['confidence']:.1f}%",
        "90% of cases",
        "version 3, provisional",
        "PROVISIONAL.",
        "SIMULATED.",
        "Whatever is marked",
    ):
        assert words in page.words, words
    kinds = [one["class"] for tag, one in page.tags if tag in ("circle", "path") and "class" in one]
    # Each kind once more in the legend.
    assert kinds.count("right") - 1 == page.words.count("● right")
    assert kinds.count("wrong") - 1 == page.words.count("× wrong")
    assert page.words.count("○ not known yet") == sum(bar["outcome"] is None for bar in past) >= 1
    assert all(f"{bar['ts'][:10]} {bar['ts'][11:16]}" in page.words for bar in past)


def test_the_reasons_are_those_of_the_explanation(client):
    page = read(client, "/instrument?name=AAPL")
    told = client.post("/explain", {"instrument": "AAPL", "top": 10}).json()["explanation"]
    for part in told["contributions"]:
        assert part["feature"] in page.words
        speaks = "for" if part["contribution"] > 0 else "against"
        assert f"{speaks} {part['contribution']:+.4f}".replace("-", "−") in page.words
    for family, added in told["families"].items():
        assert f"{family} {added:+.4f}".replace("-", "−") in page.words


def test_an_abstention_is_told_in_words(client):
    left = read(client, "/instrument?name=ORCL")
    assert "ABSTAINS. Stale: no bar at 2022-04-08" in left.words
    assert "None: the instrument has no features at the newest bar." in left.words
    new = read(client, "/instrument?name=TSLA")
    assert re.search(r"ABSTAINS\. Missing features: \d+ of \d+", new.words)
    assert FLAGS["missing_features"] in new.words
    assert {rule.flag for rule in RULES} <= set(FLAGS), "every rule has words"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/instrument", 422, "Which instrument?"),
        ("/instrument?name=AAPLE", 404, "AAPL"),
        ("/instrument?name=AAPL&market=crypto", 404, "Unknown market"),
        ("/instrument?name=AAPL&limit=61", 422, "from 1 to 60"),
        ("/instrument?name=" + "A" * 65, 422, "longer than"),
        ("/instrument?name=%3Cscript%3Ealert(1)%3C/script%3E", 404, "<script>alert(1)</script>"),
        ("/model", 422, "Which market?"),
        ("/model?market=none", 404, "Unknown market"),
    ],
)
def test_a_mistake_is_answered_by_a_page_with_its_status(client, path, status, words):
    page = read(client, path, status)
    assert words in page.words
    assert [one["role"] for one in page.having("p") if "role" in one] == ["alert"]
    assert len(page.having("script")) == 1


def test_names_and_reasons_are_text_wherever_they_stand(client, monkeypatch, elsewhere, tmp_path):
    served = client.store.get("fx")
    panel = served.predictor.panel
    named = Panel(panel.market, panel.ts, (EVIL, *panel.instruments[1:]), panel.fields)
    evil = Served(served.market, Predictor(served.predictor.bundle, named), snapshot=served.snapshot)
    ready, standing = client.store.standing()
    state = {**standing["markets"]["fx"], "reason": EVIL, "snapshot": EVIL, "status": "degraded"}
    told = {"status": "degraded", "reason": EVIL, "markets": {"fx": state}}
    monkeypatch.setattr(client.store, "view", lambda: View({"fx": evil}, {}))
    monkeypatch.setattr(client.store, "standing", lambda: (ready, told))
    write_cards(tmp_path, model=EVIL, version=EVIL, note=EVIL)
    elsewhere(tmp_path)
    asked = client._http.build_request("GET", "/instrument", params={"name": EVIL}).url.raw_path.decode()
    for path in ("/", asked, "/scores", "/status"):
        page = read(client, path)
        assert EVIL in page.words, path
        assert not page.having("img")
        assert not [one for _, one in page.tags if "onerror" in one]


def write_cards(root, **changes):
    figures = (
        Figure("hit_rate", 0.532, 0.511, 0.551, 0.541),
        Figure("brier", 0.2487, 0.2469, 0.2504, 0.2451),
        Figure("coverage", 0.86, 0.84, 0.88, 0.9),
        Figure("rank_ic_t", 2.1),
    )
    facts = {
        "market": "equity", "model": "logistic", "version": "1", "arm": "champion", "horizon": 5,
        "first_bar": "2022-01-04T21:00:00+00:00", "last_bar": "2022-04-08T21:00:00+00:00",
        "counts": Counts(1200, 100, 900, 160, 10, 30, 64), "figures": figures,
        "feedback": FeedbackCounts(4, 2, 1, 1), "note": "",
    }  # fmt: skip
    file = Layout(root).served / FILE
    file.parent.mkdir(parents=True)
    file.write_text(to_json(ScoreCards("", "2022-04-08T22:00:00+00:00", (ScoreCard(**{**facts, **changes}),))))


def test_the_scores_stand_beside_what_was_promised(client, elsewhere, tmp_path):
    elsewhere(tmp_path)
    assert "NOTHING YET. No score-card has been made" in read(client, "/scores").words
    write_cards(tmp_path)
    words = read(client, "/scores").words
    for row in (
        "Right 53.2% 51.1% to 55.1% 54.1% as promised",
        "Brier score, lower is better 0.2487 0.2469 to 0.2504 0.2451 above the promise",
        "Prediction sets that held the outcome 86.0% 84.0% to 88.0% 90.0% below the promise",
        "900 on 64 days",
        "100 of 1,200 said",
    ):
        assert row in words, row
    assert "TOO FEW" not in words


def test_too_few_is_said_plainly(client, elsewhere, tmp_path):
    note = "30 have matured, on 3 days; figures are given from 100 on 20 days."
    write_cards(tmp_path, figures=(Figure("hit_rate", None, promised=0.52),), note=note)
    elsewhere(tmp_path)
    words = read(client, "/scores").words
    assert f"TOO FEW. {note}" in words
    assert "Right too few – 52.0% –" in words


def test_beside_what_was_promised():
    figure = {"value": 1.0, "low": 0.5, "high": 1.5}
    assert [beside({**figure, "promised": one}) for one in (None, 0.4, 0.5, 1.5, 1.6)] == [
        "–", "above the promise", "as promised", "as promised", "below the promise",
    ]  # fmt: skip


def test_the_model_card_says_where_it_comes_from_and_when_it_refuses(client):
    words = read(client, "/model?market=equity").words
    details = {one["market"]: one for one in client.get("/models").json()["models"]}["equity"]
    for fact in (
        "logistic version 1, Equity",
        details["feature_set_hash"],
        details["data_hash"],
        details["code_hash"],
        details["snapshot"],
        f"Features {details['features']}",
        "refuses beyond 126",
        "1% of rows like those of the training are refused",
        "too few outcomes yet",
        "No kept snapshot has the decision",
    ):
        assert fact in words, fact


def test_the_model_card_has_the_verdict_of_the_gate_and_its_promises(client, elsewhere, own_root):
    layout = Layout(own_root)
    metrics = ["accuracy", "set_coverage", "accuracy"]
    table = pd.DataFrame({"model": ["logistic", "logistic", "other"], "metric": metrics, "value": [0.54, 0.883, 0.9]})
    writer.store(locate(layout.place("equity", "metrics")), table.to_parquet)
    text = to_json(make_decision(reason="It <b>passed</b>."))
    writer.store(locate(layout.place("equity", "promotion")), lambda file: file.write_text(text))
    later = to_json(make_decision("reject", "xgboost", reason="The champion stays."))
    writer.store(locate(layout.place("equity", "promotion")), lambda file: file.write_text(later))
    elsewhere(own_root)
    words = read(client, "/model?market=equity").words
    assert "Promoted, as of Fri 29 Dec 2023, 21:00 UTC, among 1 judged: It <b>passed</b>." in words
    assert "has skill passed It has skill." in words
    assert "Right 54.0%" in words
    assert "Prediction sets that held the outcome 88.3%" in words


def test_a_decision_that_cannot_be_read_is_no_reason_to_show_nothing(client, elsewhere, own_root):
    writer.store(locate(Layout(own_root).place("fx", "promotion")), lambda file: file.write_text("{"))
    elsewhere(own_root)
    words = read(client, "/model?market=fx").words
    assert "NOT READABLE." in words
    assert str(own_root) not in words


def test_the_status_names_markets_parts_and_what_is_wrong(client, elsewhere, tmp_path, monkeypatch):
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    elsewhere(tmp_path)
    words = read(client, "/status").words
    for fact in ("Equity ok logistic 1", "FX ok xgboost 3", "NO KEEPER YET.", "Not there yet", "No limits are set."):
        assert fact in words, fact
    served = Layout(tmp_path).served
    served.mkdir(parents=True)
    (served / "keeper.json").write_text('{"at": 1.0, "waiting": 12, "kept": 3456, "problem": "<b>away</b>", "new": 1}')
    monkeypatch.setenv("FINQ_STORE_URL", "postgresql://finq:hidden@127.0.0.1:9/x")
    client.app.state.runtime.past.leave()
    words = read(client, "/status").words
    for fact in ("THE KEEPER IS SILENT.", "Lines that wait 12", "3,456", "HELD UP. <b>away</b>", "It does not answer"):
        assert fact in words, fact
    assert "hidden" not in words


def test_an_instrument_is_found_under_the_name_that_its_history_takes(client):
    assert read(client, "/instrument?instrument=AAPL").words == read(client, "/instrument?name=AAPL").words
