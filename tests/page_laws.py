"""What holds for every page for people, read out of its HTML."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}


@dataclass
class Page(HTMLParser):
    """A page, taken apart.

    Attributes:
        headings: Questions, those that are folded included.
        pictures: Attributes of every picture.
        loaded: Whatever a browser would load, or lead to.
        ids: Anchors.
        tables: Cells per row of every table, its heading included.
        text: All words that are shown.
    """

    headings: list[str] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tables: list[list[int]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    @classmethod
    def read(cls, html: str) -> Page:
        """Take a page apart; fails where tags are not closed in order."""
        page = cls()
        page.feed(html)
        page.close()
        assert not page._open, f"never closed: {page._open}"
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert tag not in {"script", "iframe", "object", "embed"}
        self.loaded += [value for name, value in given.items() if name in LOADING]
        self.ids += [given["id"]] if "id" in given else []
        match tag:
            case "img":
                self.pictures.append(given)
            case "table":
                self.tables.append([])
            case "tr":
                self.tables[-1].append(0)
            case "td" | "th":
                self.tables[-1][-1] += 1
            case "h2" | "summary":
                self.headings.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.loaded += re.findall(r"url\([^)]*\)|@import[^;]*", data)
            return
        self.text += data
        if {"h2", "summary"} & set(self._open):
            self.headings[-1] += data


def assert_lawful(html: str) -> Page:
    """Nothing is loaded from elsewhere, pictures can be heard, tables are rectangles, anchors are unique."""
    page = Page.read(html)
    assert not [place for place in page.loaded if not place.startswith(("data:", "#"))]
    assert all(len(picture["alt"]) > 15 for picture in page.pictures)
    assert all(int(picture["width"]) > 0 and int(picture["height"]) > 0 for picture in page.pictures)
    for picture in page.pictures:
        kind, _, content = picture["src"].partition(";base64,")
        if kind == "data:image/svg+xml":
            drawn = base64.b64decode(content).decode()
            assert not re.findall(r'(?:href|src)="(?!#|data:)', drawn)
            assert not re.findall(r"url\((?!#)|@import", drawn)
    assert all(len(set(rows)) == 1 for rows in page.tables), page.tables
    assert len(page.ids) == len(set(page.ids))
    assert html.startswith("<!doctype html>")
    return page
