"""What decides the value of a feature, as text: its code without words for people, and that of what it goes through."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from textwrap import dedent
from typing import Any

from finq_predictor.domain.errors import FeatureSetMismatchError

SHARED_SOURCES = tuple(
    f"finq_predictor.domain.{name}"
    for name in (
        "panel",
        "features._bars",
        "features._windows",
        "features._kernels",
        "features._moments",
        "features._moment_kernels",
        "features._partial",
        "features._partial_kernels",
    )
)
"""Code that every feature goes through; a change of it changes every definition."""
OWN_PACKAGE = "own_features"
"""Package that files of a user's own features belong to, in name only."""
_DECORATOR = "feature"
_SOURCES: dict[str, str] = {}


def bare_code(source: str) -> str:
    """Reduce source code to what is computed.

    Comments, docstrings and other bare strings, imports, layout and the decorator that registers a feature (what it
    says is recorded by itself) are gone; every name, number, operator and their order stay.

    Args:
        source: Python code that compiles.

    Returns:
        The code as Python writes it; the same on every platform and in every process.
    """
    return ast.unparse(_Bare().visit(ast.parse(source)))


@cache
def function_code(function: Callable[..., Any]) -> str:
    """The bare code of a function; of one outside the package that of its whole file, helpers and constants included.

    What such a file imports is not read.
    """
    module = function.__module__
    if module in _SOURCES:
        return bare_code(_SOURCES[module])
    if not module.startswith("finq_predictor.") and getattr(sys.modules.get(module), "__file__", None):
        return bare_code(inspect.getsource(sys.modules[module]))
    return bare_code(dedent(inspect.getsource(function)))


def keep_source(module: str, source: str) -> None:
    """Remember what a file said when it was run; it may be edited afterwards."""
    _SOURCES[module] = source


@lru_cache(maxsize=1)
def shared_code() -> tuple[str, ...]:
    """The bare code of the modules that every feature goes through.

    Raises:
        FeatureSetMismatchError: If the package was installed without its sources.
    """
    return tuple(bare_code(_module_source(name)) for name in SHARED_SOURCES)


class _Bare(ast.NodeTransformer):
    """Takes out what computes nothing."""

    def visit(self, node: ast.AST) -> Any:
        if _computes_nothing(node):
            return None
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [item for item in node.decorator_list if not _registers(item)]
        self.generic_visit(node)
        if not isinstance(node, ast.Module) and vars(node).get("body") == []:
            vars(node)["body"] = [ast.Pass()]
        return node


def _computes_nothing(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _registers(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0] == _DECORATOR


def _module_source(name: str) -> str:
    # Read, not imported: the compiled kernels take a second to import and are not needed to be hashed.
    found = importlib.util.find_spec(name)
    source = getattr(found.loader, "get_source", lambda _: None)(name) if found else None
    if source is None:
        raise FeatureSetMismatchError(f"The source code of {name} is not there; install the package with its sources.")
    return str(source)
