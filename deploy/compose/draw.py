"""Draws docs/images/stack.svg: the parts of compose.yml, their ports and networks, and who speaks to whom.

`make docs` calls it. What a part is, at which port and in which networks, is read from compose.yml; where it stands on
the picture, and what it is for, is said here. A part that is not placed, or is not there, is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import yaml

INK, SOFT, LINE, PAPER = "#1d2b3a", "#44546a", "#5b6b7d", "#ffffff"
WIDTH, HEIGHT, BOX, TALL = 1180, 700, 152, 84
ROWS = {1: 104, 2: 252, 3: 400, 4: 552}
COLUMNS = {"a": 20, "b": 204, "c": 396, "left": 300, "right": 492, "d": 672, "e": 852, "f": 1032}
NETWORKS = {
    "front": ("#3b78b8", "requests come in"),
    "back": ("#c98a12", "leads nowhere"),
    "watch": ("#3c9160", "who watches"),
    "out": ("#9a5bb5", "may ask elsewhere"),
}


class Place(NamedTuple):
    """Where a part stands, and what it is for."""

    column: str
    row: int
    does: tuple[str, ...]


PARTS = {
    "proxy": Place("b", 1, ("nginx: limits, TLS,", "what is for outside")),
    "api": Place("c", 1, ("answers whoever has", "an account")),
    "prometheus": Place("d", 1, ("keeps figures, judges", "the rules of alarms")),
    "alertmanager": Place("e", 1, ("tells whom it concerns,", "once, with the page")),
    "postgres": Place("left", 2, ("accounts, and what", "was answered")),
    "redis": Place("right", 2, ("limits and answers", "that are shared")),
    "node": Place("d", 2, ("shows the figures", "of files")),
    "grafana": Place("e", 2, ("four dashboards",)),
    "scheduler": Place("b", 3, ("runs what is due:", "deliveries to models")),
    "figures": Place("d", 3, ("gathers jobs, drift,", "disk, right answers")),
    "mlflow": Place("e", 3, ("experiments and", "registered models")),
    "airflow": Place("b", 4, ("starts the runs", "instead of scheduler")),
    "sentiment": Place("c", 4, ("scores articles", "on a GPU, once")),
    "logs": Place("d", 4, ("hands every line", "to a collector")),
}
# Drawn as one with the part of the name beside it.
BELONGS = {
    **dict.fromkeys(("airflow-migrate", "airflow-scheduler", "airflow-dags", "airflow-triggerer"), "airflow"),
    **{f"{name}-exporter": name for name in ("postgres", "redis")},
}
AROUND = {
    "clients": Place("a", 1, ("programs and", "browsers")),
    "providers": Place("a", 3, ("bars, articles,", "macro series")),
    "people": Place("f", 1, ("chat, mail,", "pager")),
    "data": Place("c", 3, ("volume: deliveries,", "snapshots, models")),
}


class Arrow(NamedTuple):
    """Who speaks to whom, about what: a path, and where its words stand."""

    path: str
    words: str = ""
    at: tuple[int, int] = (0, 0)
    anchor: str = "middle"


def _x(column: str, share: float = 0.0) -> int:
    return round(COLUMNS[column] + share * BOX)


def _y(row: int, share: float = 0.0) -> int:
    return round(ROWS[row] + share * TALL)


def arrows() -> Iterator[Arrow]:
    """Whoever asks or writes is where the arrow begins."""
    middle = _y(1, 0.5)
    yield Arrow(f"M{_x('a', 1)},{middle} H{_x('b') - 4}")
    yield Arrow(f"M{_x('b', 1)},{middle} H{_x('c') - 4}", "HTTP", ((_x("b", 1) + _x("c")) // 2, middle - 8))
    yield Arrow(
        f"M{_x('d')},{middle} H{_x('c', 1) + 4}", "scrapes, with a key", ((_x("c", 1) + _x("d")) // 2, middle - 8)
    )
    yield Arrow(f"M{_x('d', 1)},{middle} H{_x('e') - 4}")
    yield Arrow(f"M{_x('e', 1)},{middle} H{_x('f') - 4}")
    yield Arrow(f"M{_x('c', 0.25)},{_y(1, 1)} V{_y(2) - 4}")
    yield Arrow(f"M{_x('c', 0.75)},{_y(1, 1)} V{_y(2) - 4}")
    yield Arrow(f"M{_x('c', 0.5)},{_y(3)} V{_y(1, 1) + 4}", "reads only", (_x("c", 0.5) + 6, _y(2, 1) + 24), "start")
    yield Arrow(f"M{_x('d', 0.5)},{_y(1, 1)} V{_y(2) - 4}", "scrapes", (_x("d", 0.5) + 8, _y(1, 1) + 36), "start")
    between = (_x("right", 1) + _x("d")) // 2
    yield Arrow(
        f"M{_x('d', 0.15)},{_y(1, 1)} V{_y(2) - 26} H{between} V{_y(2, 0.4)} H{_x('right', 1) + 4}",
        "stores, by exporters",
        (between - 8, _y(2) - 30),
        "end",
    )
    yield Arrow(
        f"M{_x('e')},{_y(2, 0.3)} H{_x('d', 1) + 14} V{_y(1, 0.85)} H{_x('d', 1) + 4}",
        "asks",
        (_x("d", 1) + 20, _y(1, 1) + 36),
        "start",
    )
    yield Arrow(
        f"M{_x('d', 0.5)},{_y(3)} V{_y(2, 1) + 4}", "files, in memory", (_x("d", 0.5) + 8, _y(2, 1) + 36), "start"
    )
    row = _y(3, 0.5)
    yield Arrow(f"M{_x('b')},{row} H{_x('a', 1) + 4}", "asks", ((_x("a", 1) + _x("b")) // 2, row - 8))
    yield Arrow(f"M{_x('b', 1)},{row} H{_x('c') - 4}", "writes", ((_x("b", 1) + _x("c")) // 2, row - 8))
    yield Arrow(f"M{_x('c', 1)},{row} H{_x('d') - 4}", "read by figures", ((_x("c", 1) + _x("d")) // 2, row - 8))
    below = _y(3, 1) + 22
    yield Arrow(
        f"M{_x('c', 0.8)},{_y(3, 1)} V{below} H{_x('e', 0.5)} V{_y(3, 1) + 4}",
        "and by MLflow",
        (_x("d", 0.5), below - 6),
    )


def draw(compose: dict[str, Any]) -> str:
    """The picture.

    Args:
        compose: What compose.yml says.

    Raises:
        ValueError: If a part has no place on it, or one that is placed is not there.
    """
    services = {name: one for name, one in compose["services"].items() if name not in BELONGS}
    if set(services) != set(PARTS):
        raise ValueError(
            f"without a place on the picture: {sorted(set(services) - set(PARTS))}; placed and not there: "
            f"{sorted(set(PARTS) - set(services))}. Say it in {Path(__file__).name}."
        )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" role="img" '
        'aria-label="The parts of the stack on one host, their ports, and who speaks to whom">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>',
        _text(20, 38, "Everything on one host", 20, INK, bold=True),
        _text(
            20,
            62,
            "An arrow begins where somebody asks, tells or writes, or at what is read. Ports are those of this machine;"
            " the proxy's is opened to others where you say so.",
            13,
            LINE,
        ),
        *(_arrow(one) for one in arrows()),
        *(line for name, place in AROUND.items() for line in _outside(name, place)),
        *(line for name, one in services.items() for line in _part(name, one)),
        *_legend(),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _part(name: str, one: dict[str, Any]) -> Iterator[str]:
    place, optional = PARTS[name], "profiles" in one
    x, y = _x(place.column), _y(place.row)
    dash = ' stroke-dasharray="5 4"' if optional else ""
    fill = "#fbfcfd" if optional else "#f3f6fa"
    dress = f'fill="{fill}" stroke="{INK}" stroke-width="1.3"{dash}'
    yield f'<rect x="{x}" y="{y}" width="{BOX}" height="{TALL}" rx="9" {dress}/>'
    yield _text(x + 12, y + 24, name, 15, INK, bold=True)
    for number, network in enumerate(sorted(one.get("networks", []), key=list(NETWORKS).index)):
        yield f'<circle cx="{x + BOX - 14 - 13 * number}" cy="{y + TALL - 13}" r="4.6" fill="{NETWORKS[network][0]}"/>'
    for number, words in enumerate(place.does):
        yield _text(x + 12, y + 43 + 15 * number, words, 11.5, SOFT)
    port = next((_port(text) for text in one.get("ports", [])), "")
    above = [*([port] if port else []), *([f"profile {one['profiles'][0]}"] if optional else [])]
    if above:
        yield _text(x + BOX / 2, y - 7, ", ".join(above), 11.5, INK, anchor="middle")


def _port(text: str) -> str:
    """Where a port is reached, without the variables that say it."""
    plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return plain.rpartition(":")[0]


def _outside(name: str, place: Place) -> Iterator[str]:
    x, y = _x(place.column), _y(place.row)
    width = WIDTH - 20 - x if name == "people" else BOX
    dress = (
        'fill="#fdf3df" stroke="#d8a239" stroke-width="1.3"' if name == "data" else f'fill="{PAPER}" stroke="#9aa7b5"'
    )
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{TALL}" rx="{9 if name == "data" else 30}" {dress}/>'
    inset = 12 if name == "data" else 22
    yield _text(x + inset, y + 30, name, 15, INK, bold=True)
    for number, words in enumerate(place.does):
        yield _text(x + inset, y + 49 + 15 * number, words, 11.5, SOFT)


def _arrow(one: Arrow) -> str:
    drawn = f'<path d="{one.path}" stroke="{LINE}" stroke-width="1.5" fill="none" marker-end="url(#a)"/>'
    return drawn + ("\n" + _text(*one.at, one.words, 10.5, SOFT, anchor=one.anchor) if one.words else "")


def _legend() -> Iterator[str]:
    x = 20
    for name, (colour, means) in NETWORKS.items():
        yield f'<circle cx="{x + 5}" cy="{HEIGHT - 26}" r="4.6" fill="{colour}"/>'
        yield _text(x + 16, HEIGHT - 22, f"network {name}: {means}", 11.5, SOFT)
        x += 222
    yield _text(x, HEIGHT - 22, "dashed: where asked for", 11.5, SOFT)


def _text(x: float, y: float, words: str, size: float, fill: str, *, bold: bool = False, anchor: str = "start") -> str:
    dress = f'font-size="{size:g}" fill="{fill}" text-anchor="{anchor}"' + (' font-weight="600"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" {dress}>{escape(words)}</text>'


def main(project: Path, target: Path) -> None:
    """Write the picture."""
    compose = yaml.safe_load((project / "deploy" / "compose" / "compose.yml").read_text(encoding="utf-8"))
    target.write_text(draw(compose), encoding="utf-8")
    sys.stdout.write(f"wrote {target}\n")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    main(root, Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images/stack.svg"))
