"""Renders pages: one template per page and per section, one typed context for each, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from finq_predictor.domain.errors import ReportError
from finq_predictor.reports.formatting import FILTERS
from finq_predictor.reports.style import STYLESHEET

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Material = TypeVar("Material", contravariant=True)


class Build(Protocol[Material]):
    """Makes the context of a section: the numbers and facts that its template reads by the names of the fields."""

    def __call__(self, material: Material, /) -> DataclassInstance:
        """Build it from what the page is made from."""


@dataclass(frozen=True)
class Frame:
    """What every page shows around its own content.

    Attributes:
        simulated: Whether the data are made up; shows a banner.
        origin: What identifies the result, such as the hash of the data: name -> value. Listed at the end of the page,
            and in one line below every section.
        preset: A sentence about how made-up data were made; stands in the banner.
    """

    simulated: bool
    origin: Mapping[str, str]
    preset: str = ""


def render_page(
    room: str,
    head: DataclassInstance,
    sections: Mapping[str, Build[Material]],
    material: Material,
    frame: Frame,
) -> str:
    """Render a page; the same content gives the same bytes.

    Args:
        room: Folder of the templates: ``page.html.j2`` and one per section.
        head: Context of the page itself.
        sections: Name, which is that of the template, too, -> what makes its context; shown in this order.
        material: What the sections are made from.
        frame: What is shown around them.

    Raises:
        ReportError: If there is no such template, or it reads what its context does not have.
    """
    around = {"simulated": frame.simulated, "origin": frame.origin}
    shown = [
        _fill(f"{room}/{name}.html.j2", build(material), anchor=name, **around) for name, build in sections.items()
    ]
    page = _fill(f"{room}/page.html.j2", head, sections=shown, preset=frame.preset, **around)
    # A percent sign never begins a line.
    return str(page.replace(" %", "\u00a0%"))


def render_part(template: str, context: DataclassInstance) -> str:
    """Render a part of a page, to stand in a section or to take the place of what stands there."""
    return str(_fill(template, context).replace(" %", "\u00a0%"))


def with_part(page: str, anchor: str, part: str) -> str:
    """A page with another text in one of its parts.

    Args:
        page: A rendered page.
        anchor: Identity of the ``div`` whose content is replaced.
        part: What takes its place, as HTML.

    Raises:
        ReportError: If the page has no such part.
    """
    begin = f'<div id="{anchor}">'
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition("</div>")
    if not (found and end):
        raise ReportError(f"The page has no part {anchor!r}; write it anew with: kedro run --pipelines=evaluation")
    return before + begin + part + end + after


def _fill(template: str, context: DataclassInstance, **around: Any) -> Any:
    from jinja2 import TemplateNotFound, UndefinedError
    from markupsafe import Markup

    values = {each.name: getattr(context, each.name) for each in fields(context)}
    try:
        # The template has escaped its values.
        return Markup(_environment().get_template(template).render(**values, **around))  # nosec B704
    except TemplateNotFound as error:
        raise ReportError(
            f"There is no template {error.name!r}; make it in src/finq_predictor/reports/templates, under the name "
            "that the list of sections gives."
        ) from error
    except UndefinedError as error:
        raise ReportError(
            f"The template {template!r} reads what it is not given: {error}. Its context "
            f"{type(context).__name__} has {', '.join(values)}."
        ) from error


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("finq_predictor.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals["palette"] = STYLESHEET
    environment.globals["parts"] = environment.get_template("parts.html.j2").module
    return environment
