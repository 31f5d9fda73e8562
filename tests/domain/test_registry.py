"""One class for what can be extended: an order, one helpful error, and nothing imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.registry import Registry


@dataclass(frozen=True)
class Shape:
    name: str


@pytest.fixture
def shapes() -> Registry[Shape]:
    return Registry.of("shape", Shape("square"), Shape("circle"), Shape("oval"))


def test_it_reads_like_a_dictionary_in_the_order_of_adding(shapes):
    shapes.add("line", Shape("line"))
    assert list(shapes) == ["square", "circle", "oval", "line"]
    assert [shape.name for shape in shapes.values()] == list(shapes)
    assert shapes["circle"] == Shape("circle")
    assert "circle" in shapes
    assert "triangle" not in shapes
    assert len(shapes) == 4
    assert shapes.get("triangle") is None
    assert shapes.get("triangle", Shape("?")) == Shape("?")
    assert shapes.get("oval") == Shape("oval")
    assert repr(shapes) == "<registry of 4 x shape: square, circle, oval, line>"


@pytest.mark.parametrize(
    "ask", [lambda r: r["cirle"], lambda r: r.require("oval", "cirle"), lambda r: r.remove("cirle")]
)
def test_an_unknown_name_is_met_with_near_misses(shapes, ask):
    with pytest.raises(UnknownNameError, match=r"Unknown shape 'cirle'\. Did you mean 'circle'\?"):
        ask(shapes)
    assert len(shapes) == 3


def test_names_without_a_near_miss_are_listed(shapes):
    with pytest.raises(UnknownNameError, match="Known: circle, oval, square"):
        shapes.require("xyz")
    shapes.require("oval", "square")
    shapes.require()


def test_a_name_stands_for_one_thing(shapes):
    with pytest.raises(ConfigurationError, match="There is a shape 'oval' already; give the new one another name"):
        shapes.add("oval", Shape("other"))
    assert shapes["oval"] == Shape("oval")
    with pytest.raises(ConfigurationError, match="'twice'"):
        Registry.of("shape", Shape("twice"), Shape("twice"))
    classes: Registry[type] = Registry("class", lazy={"far": "far.away:Thing"})
    classes.add("near", Shape)
    with pytest.raises(ConfigurationError, match=f"a class 'near' already in {__name__}"):
        classes.add("near", Shape)
    with pytest.raises(ConfigurationError, match=r"a class 'far' already in far\.away"):
        classes.add("far", Shape)


def test_a_decorator_registers_under_all_its_names():
    readers: Registry[object] = Registry("reader")

    @readers.register("csv", "txt")
    def read() -> int:
        return 1

    assert readers["csv"] is readers["txt"] is read
    assert read() == 1


def test_a_trial_leaves_no_trace(shapes):
    def failing_trial() -> None:
        with shapes.trial():
            shapes.remove("square")
            shapes.add("square", Shape("round square"))
            shapes.add("line", Shape("line"))
            assert list(shapes) == ["circle", "oval", "square", "line"]
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        failing_trial()
    assert {name: shapes[name] for name in shapes} == {name: Shape(name) for name in ("square", "circle", "oval")}
    assert list(shapes) == ["square", "circle", "oval"]


def test_what_is_removed_can_be_defined_once_more(shapes):
    shapes.remove("oval")
    shapes.add("oval", Shape("wide"))
    assert shapes["oval"] == Shape("wide")


def test_a_lazy_entry_is_imported_when_asked_for():
    code = (
        "import sys; from finq_predictor.domain.registry import Registry;"
        "r = Registry('parser', lazy={'csv': 'csv:reader'});"
        "print(list(r), 'csv' in r, 'csv' in sys.modules, r['csv'].__name__, 'csv' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['csv'] True False reader True"


@pytest.mark.parametrize("where", ["no_such_module:Thing", "json:no_such_thing"])
def test_a_line_that_cannot_be_imported_is_named(where):
    registry: Registry[object] = Registry("parser", lazy={"csv": where})
    with pytest.raises(ConfigurationError, match=f"parser 'csv' is listed as {where}, which cannot be imported"):
        registry["csv"]
