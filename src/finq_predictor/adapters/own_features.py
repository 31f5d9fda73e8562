"""Features of a user's own: files outside the package, and packages that offer some under an entry point.

A file is run as Python, like any module; give only files that you would run. What it registers joins the registry, and
its whole code becomes part of the definition of each of its features.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from importlib import import_module, reload
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.domain.errors import ConfigurationError, FinqError
from finq_predictor.domain.features import FAMILIES, REGISTRY, FeatureSet, FeatureSpec
from finq_predictor.domain.features._definition import OWN_PACKAGE, keep_source

GROUP = "finq_predictor.features"
"""Entry points of this group name modules with features."""
VARIABLE = "FINQ_FEATURE_FILES"
_loaded: dict[str, tuple[str, tuple[str, ...]]] = {}
"""Files and entry points that were loaded: the hash of their content, and the names of their features."""


def load_own_features(files: Iterable[Path] = (), *, held_to_laws: bool = True) -> tuple[FeatureSpec, ...]:
    """Load what installed packages offer, what ``FINQ_FEATURE_FILES`` names, and some files.

    What was loaded before and has not changed is left as it is.

    Args:
        files: Files of features.
        held_to_laws: Whether a feature that breaks a law is refused. A model that was trained with it was: its
            definition is the same or is refused anyway.

    Returns:
        All features of the user's own.

    Raises:
        ConfigurationError: If a file is not there, cannot be run, has no feature, a name that is taken, or a feature
            that breaks a law; says which, and what was seen.
    """
    names: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        names += _once(f"the entry point {point.name}", point.value, partial(_import, point), held_to_laws)
    named = [Path(part.strip()) for part in value_of(VARIABLE).split(",") if part.strip()]
    for file in dict.fromkeys(one.resolve() for one in (*named, *files)):
        names += _load(file, held_to_laws)
    return tuple(REGISTRY[name] for name in names)


def load_feature_file(file: Path, *, held_to_laws: bool = True) -> tuple[FeatureSpec, ...]:
    """Load the features of one file.

    Raises:
        ConfigurationError: As :func:`load_own_features`.
    """
    return tuple(REGISTRY[name] for name in _load(file.resolve(), held_to_laws))


def load_for(feature_set: FeatureSet) -> None:
    """Load the user's features where a model reads some that are not known yet; what is still unknown is refused later.

    Raises:
        ConfigurationError: If a file or package that is named cannot be loaded.
    """
    if any_own() and not _is_known(feature_set):
        load_own_features(held_to_laws=False)


def own_files() -> tuple[Path, ...]:
    """The files that were loaded, for another process to load them too."""
    return tuple(Path(what) for what in _loaded if what.endswith(".py"))


def any_own() -> bool:
    """Whether a package offers features, or the environment names files of some."""
    return bool(entry_points(group=GROUP)) or bool(value_of(VARIABLE))


def forget_own_features() -> None:
    """Take out of the registry whatever was loaded."""
    for _, names in _loaded.values():
        for name in names:
            if name in REGISTRY:
                REGISTRY.remove(name)
    _loaded.clear()


def _is_known(feature_set: FeatureSet) -> bool:
    try:
        feature_set.specs()
    except FinqError:
        return False
    return True


def _load(file: Path, held_to_laws: bool) -> tuple[str, ...]:
    if not file.is_file():
        raise ConfigurationError(f"There is no file of features {file}; give the path of a Python file.")
    if file.suffix != ".py" or not file.stem.isidentifier() or file.stem in FAMILIES:
        raise ConfigurationError(
            f"{file.name} cannot be a family of features; name it like my_features.py, and not like one of ours: "
            f"{', '.join(FAMILIES)}."
        )
    source = file.read_text(encoding="utf-8")
    for other in _loaded:
        if Path(other).stem == file.stem and other != str(file):
            raise ConfigurationError(f"Two files of features are named {file.name}: {other} and {file}; rename one.")
    return _once(str(file), source, lambda: _run(file, source), held_to_laws)


def _once(what: str, content: str, load: Callable[[], None], held_to_laws: bool) -> tuple[str, ...]:
    now = sha256(content.encode()).hexdigest()
    before, names = _loaded.get(what, ("", ()))
    if before == now and all(name in REGISTRY for name in names):
        return names
    for name in names:
        if name in REGISTRY:
            REGISTRY.remove(name)
    with _all_or_nothing(what) as added:
        load()
        if not added():
            raise ConfigurationError(f"{what} has no feature; decorate a function with @feature.")
        broken = [sentence for name in added() for sentence in _broken(REGISTRY[name])] if held_to_laws else []
        if broken:
            more = f" And {len(broken) - 1} more." if len(broken) > 1 else ""
            raise ConfigurationError(f"{what} is refused: {broken[0]}{more} See `finq audit --feature`.")
        _loaded[what] = now, added()
    return _loaded[what][1]


def _broken(spec: FeatureSpec) -> list[str]:
    from finq_predictor.domain.features.laws import laws

    return [one.sentence for one in laws(spec)]


@contextmanager
def _all_or_nothing(what: str) -> Iterator[Callable[[], tuple[str, ...]]]:
    before = set(REGISTRY)

    def added() -> tuple[str, ...]:
        return tuple(name for name in REGISTRY if name not in before)

    try:
        yield added
    except Exception as error:
        for name in added():
            REGISTRY.remove(name)
        if isinstance(error, FinqError):
            said = str(error) if what in str(error) else f"{what}: {error}"
            raise ConfigurationError(said) from error
        raise ConfigurationError(
            f"{what} cannot be run: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


def _run(file: Path, source: str) -> None:
    module = ModuleType(f"{OWN_PACKAGE}.{file.stem}")
    module.__file__ = str(file)
    keep_source(module.__name__, source)
    sys.modules[module.__name__] = module
    # What is run is what was read and hashed: a file that its user names, as an import would run it.
    exec(compile(source, str(file), "exec"), module.__dict__)  # nosec B102


def _import(point: EntryPoint) -> None:
    module = import_module(point.module)
    if not any(spec.function.__module__ == module.__name__ for spec in REGISTRY.values()):
        # It was imported before, and its features were taken out again.
        reload(module)
