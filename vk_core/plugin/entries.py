"""What installed packages offer, read from their metadata alone: nothing of a plug-in is imported here.

One package with unreadable metadata never hides the others, therefore each is read by itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

ENTRY_POINTS_FILE = "entry_points.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry point of an installed package.

    Attributes:
        name: what the package calls it.
        value: where it is, such as `vk_mock:PROVIDER`; empty when the metadata is unreadable.
        package: name of the distribution it comes from.
        version: version of that distribution.
        problem: why it can never be loaded, as far as metadata tells; empty when nothing speaks against it.
    """

    name: str
    value: str
    package: str
    version: str
    problem: str = ""

    @property
    def origin(self) -> str:
        """The package and its version, for messages."""
        return f"{self.package} {self.version}"

    @property
    def module(self) -> str:
        """The module to import."""
        return self.value.partition(":")[0].strip()

    @property
    def attribute(self) -> str:
        """The object within the module, dotted; empty for the module itself."""
        return self.value.partition(":")[2].partition("[")[0].strip()


def installed(group: str) -> tuple[Entry, ...]:
    """All entry points of a group, sorted by name, then package."""
    found: dict[str, list[Entry]] = {}
    for distribution in distributions():
        entries = list(_entries(distribution, group))
        if entries:
            # The first distribution of a name on sys.path is the one that gets imported.
            found.setdefault(entries[0].package, entries)
    every = sorted((entry for entries in found.values() for entry in entries), key=lambda it: (it.name, it.package))
    return tuple(every)


def _entries(distribution: Distribution, group: str) -> Iterator[Entry]:
    text = distribution.read_text(ENTRY_POINTS_FILE)
    if not text or group not in text:
        return
    package, version = _name_and_version(distribution)
    try:
        points = [point for point in distribution.entry_points if point.group == group]
    except Exception as error:  # whatever the parser of a foreign file stumbles over
        problem = f"its {ENTRY_POINTS_FILE} is unreadable: {type(error).__name__}: {error}"
        yield Entry(name=package, value="", package=package, version=version, problem=problem)
        return
    for point in points:
        yield Entry(
            name=point.name, value=point.value, package=package, version=version, problem=_malformed(point, group)
        )


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    try:
        return distribution.name or "unknown", distribution.version or "unknown"
    except Exception:  # a package without readable METADATA still has its entry points
        return "unknown", "unknown"


def _malformed(point: EntryPoint, group: str) -> str:
    entry = Entry(name=point.name, value=point.value, package="", version="")
    names = [*entry.module.split("."), *(entry.attribute.split(".") if entry.attribute else ())]
    if all(name.isidentifier() for name in names):
        return ""
    return f"its entry point in {group} reads {point.value!r}, expected MODULE:OBJECT"


def ambiguous(entries: Sequence[Entry]) -> str:
    """Says that several packages offer something of the same name."""
    packages = " and ".join(entry.origin for entry in entries)
    return f"provider {entries[0].name!r} is offered by {packages}: uninstall all but one of them"


def did_you_mean(name: str, known: list[str]) -> str:
    """The end of a sentence about an unknown name: a suggestion if one is near, else what there is."""
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(known)}" if known else ""
