"""A page is its template, its sections in order, and a frame; what does not fit is said in words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from jinja2 import DictLoader

from finq_predictor.domain.errors import ReportError
from finq_predictor.reports import pages
from finq_predictor.reports.pages import Frame, render_page, with_part
from finq_predictor.reports.tables import Cell, Look, Row, Table, yes_no
from page_laws import assert_lawful

TOY = {
    "toy/page.html.j2": '{% extends "base.html.j2" %}{% block title %}{{ name }}{% endblock %}'
    "{% block verdict %}<b>50 % sure</b>{% endblock %}{% block origin_title %}Whence?{% endblock %}",
    "toy/first.html.j2": '{% extends "section.html.j2" %}{% block title %}First?{% endblock %}'
    '{% block body %}{{ parts.table("A caption", table) }}{% endblock %}',
    "toy/second.html.j2": '{% extends "folded_section.html.j2" %}{% block title %}Second?{% endblock %}'
    "{% block body %}<p>{{ said }}</p>{% endblock %}",
    "toy/wrong.html.j2": '{% extends "section.html.j2" %}{% block body %}{{ unsaid }}{% endblock %}',
}
FRAME = Frame(simulated=False, origin={"run": "f00d", "code": "<c0de>"})
TABLE = Table(
    ["Name", "Value"],
    [
        Row(["a & b", Cell("1.5", note="1 to 2")], Look.STRONG),
        Row(["yes", yes_no(True)], Look.MUTED),
        Row(["c", Cell("9", tone="bad")], Look.ALARM),
    ],
)


@dataclass(frozen=True)
class Head:
    name: str = "A toy"
    tone: str = "good"


@dataclass(frozen=True)
class First:
    table: Table = TABLE


@dataclass(frozen=True)
class Second:
    said: str


@pytest.fixture(autouse=True)
def toy_templates():
    """Toy templates beside those of the product, with an environment of their own."""
    pages._environment.cache_clear()
    loader = pages._environment().loader
    plain = loader.get_source
    toys = DictLoader(TOY)
    loader.get_source = lambda environment, name: (toys.get_source if name in TOY else plain)(environment, name)
    yield
    pages._environment.cache_clear()


def render(frame=FRAME, **sections):
    return render_page("toy", Head(), sections, "material", frame)


def test_sections_come_in_their_order_within_the_frame():
    page = render(second=lambda said: Second(said), first=lambda _: First())
    taken = assert_lawful(page)
    assert taken.headings == ["Second?", "First?", "Whence?"]
    assert taken.ids == ["second", "first", "origin"]
    assert "<title>A toy</title>" in page
    assert '<section class="verdict good">' in page
    assert "<p>material</p>" in page


def test_every_section_carries_the_origin_and_the_end_lists_it():
    page = render(first=lambda _: First(), second=lambda said: Second(said))
    assert page.count('<p class="stamp">run f00d · code &lt;c0de&gt;</p>') == 3
    assert "<code>&lt;c0de&gt;</code>" in page


def test_what_is_shown_is_escaped():
    page = render(second=lambda _: Second("<script>alert(1)</script> & so on"))
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on</p>" in page


def test_cells_and_rows_stand_out_as_they_say():
    page = render(first=lambda _: First())
    assert '<tr class="strong"><td class="text">a &amp; b</td><td>1.5<small>1 to 2</small></td></tr>' in page.replace(
        "\n", ""
    )
    assert '<td class="text">yes</td><td><span class="good">yes</span></td>' in page
    assert '<tr class="alarm"><td class="text">c</td><td><span class="bad">9</span></td></tr>' in page
    assert '<th scope="col" class="text">Name</th><th scope="col">Value</th>' in page
    assert "<caption>A caption</caption>" in page


def test_a_percent_sign_stays_with_its_number():
    assert "50\u00a0% sure" in render()


@pytest.mark.parametrize("simulated", [True, False])
def test_made_up_data_are_announced_before_anything_else(simulated):
    page = render(Frame(simulated, {}))
    assert ("SIMULATED DATA" in page) is simulated
    assert not simulated or page.index("SIMULATED DATA") < page.index("<h1>")


def test_a_section_without_template_is_said():
    with pytest.raises(ReportError, match=r"no template 'toy/third.html.j2'; make it in src/finq_predictor/reports"):
        render(third=lambda _: First())


def test_a_template_that_reads_too_much_is_said():
    with pytest.raises(ReportError, match=r"'toy/wrong.html.j2' reads what it is not given: 'unsaid'.*Second has said"):
        render(wrong=lambda said: Second(said))


def test_a_part_of_a_page_is_replaced_and_nothing_else():
    page = '<p>before</p><div id="answer"><p>old</p></div><p>after</p>'
    assert with_part(page, "answer", "<p>new</p>") == '<p>before</p><div id="answer"><p>new</p></div><p>after</p>'
    with pytest.raises(ReportError, match="has no part 'other'"):
        with_part(page, "other", "")
