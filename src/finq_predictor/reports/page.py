"""Renders the evaluation report: one self-contained HTML page, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table as it is shown.

    Attributes:
        columns: Headings.
        rows: Cells, already formatted; what follows a line break is shown small below.
        muted: Indices of rows that are shown in the background (naive baselines).
        strong: Indices of rows that stand out (the model that is decided about).
        text_columns: Indices of columns that hold text; the others are numbers.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    muted: Sequence[int] = ()
    strong: Sequence[int] = ()
    text_columns: Sequence[int] = (0,)


@dataclass(frozen=True)
class Card:
    """One figure a reader sees first: what it is, its value, and how to read it."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class Image:
    """A picture within the page: a data URI and the width at which it is shown, in pixels."""

    uri: str
    width: int

    @classmethod
    def from_png(cls, content: bytes, scale: float) -> Image:
        """Embed a PNG, shown at ``scale`` times its own width; a higher resolution stays sharp on fine screens."""
        width = int.from_bytes(content[16:20], "big")
        return cls(f"data:image/png;base64,{base64.b64encode(content).decode()}", round(width * scale))


@dataclass(frozen=True)
class Section:
    """A question, its answer in words, and the evidence.

    Attributes:
        anchor: Identifier within the page.
        title: The question.
        text: Paragraphs of the answer.
        tables: Heading -> table.
        figures: Names of pictures.
        folded: Shown only when opened.
    """

    anchor: str
    title: str
    text: Sequence[str] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Sequence[str] = ()
    folded: bool = False


@dataclass(frozen=True)
class ReportContent:
    """All that the page shows.

    Attributes:
        title: Of the page.
        question: What a prediction answers.
        simulated: Whether the data is made up; shows a banner.
        tone: ``"good"``, ``"warn"`` or ``"bad"``: the colour of the verdict.
        verdict: The decision in a few words.
        reason: Why.
        cards: The first figures.
        sections: The rest, in order.
        images: Picture name -> picture.
        captions: Picture name -> text for those who cannot see it.
        lineage: What identifies this result, such as run id and data hash.
        command: Reproduces it.
        as_of: Last time in the data.
    """

    title: str
    question: str
    simulated: bool
    tone: str
    verdict: str
    reason: str
    cards: Sequence[Card]
    sections: Sequence[Section]
    images: Mapping[str, Image]
    captions: Mapping[str, str]
    lineage: Mapping[str, str]
    command: str
    as_of: str


def render_report(content: ReportContent) -> str:
    """The page as text; the same content gives the same bytes.

    Raises:
        jinja2.UndefinedError: If a section names a picture that is not there.
    """
    page = str(_template().render(content=content, stamp=_stamp(content.lineage)))
    # A percent sign never begins a line.
    return page.replace(" %", "\u00a0%")


def _stamp(lineage: Mapping[str, str]) -> str:
    return " · ".join(f"{name} {value}" for name, value in lineage.items())


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("evaluation.html.j2")
