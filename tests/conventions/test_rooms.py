"""The folders of sql/ are rooms: who calls whom and who writes which table is what docs/architecture.md says."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from scripts.build import EXTENSIONS, ROOT

# A string may hold two dashes, and a comment an apostrophe.
COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n]*")
DESCRIPTION = re.compile(r"^COMMENT ON .*?;$", re.M | re.S)
LITERAL = re.compile(r"'(?:[^']|'')*'|\$query\$.*?\$query\$", re.S)
CREATED = re.compile(r"^CREATE (FUNCTION|PROCEDURE|VIEW|TYPE) ((?:ghostwatch|onboarding)\.\w+)", re.M)
NAME = re.compile(r"\b((?:ghostwatch|onboarding)\.\w+)(\()?")
# A string that is only the signature of a function names it, to look it up in the catalog.
SIGNATURE = re.compile(r"'\w+\.\w+(\([\w, ]*\))?'$")
WRITTEN = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE) (?:ONLY )?((?:ghostwatch|onboarding)\.\w+)")
# Dynamic SQL that writes a table whose name it is given: any table that a string of the file names may be meant.
WRITES_ANY = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE) %")
GIVEN = re.compile(r"'(ghostwatch\.\w+)'")

LINE = re.compile(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", re.M)


def source() -> dict[str, dict[Path, str]]:
    """The text of each room's files, without comments and descriptions."""
    rooms: dict[str, dict[Path, str]] = defaultdict(dict)
    for extension, folder in EXTENSIONS.items():
        for path in folder.rglob("*.sql"):
            if path.parent == folder:
                continue
            room = path.relative_to(folder).parts[0] if extension == "ghostwatch" else "onboarding"
            rooms[room][path] = DESCRIPTION.sub("", COMMENT.sub(r"\1", path.read_text(encoding="utf-8")))
    return rooms


ROOMS = source()
TABLES = {f"ghostwatch.{path.stem}" for path in ROOMS.pop("tables")}
OBJECTS = {
    name: (room, kind)
    for room, files in ROOMS.items()
    for text in files.values()
    for kind, name in CREATED.findall(text)
}


def references(text: str) -> set[str]:
    """The objects that a file calls or reads.

    Inside a string a public name is text for people, such as the statement in a hint; a private name is dynamic SQL.
    """
    found = set()
    strings = "\n".join(part for part in LITERAL.findall(text) if not SIGNATURE.match(part))
    for code, is_string in ((LITERAL.sub("''", text), False), (strings, True)):
        for name, called in NAME.findall(code):
            kind = OBJECTS.get(name, ("", ""))[1]
            is_public = not name.split(".")[1].startswith("_")
            # A table may have the name of a function.
            is_routine = kind in ("FUNCTION", "PROCEDURE")
            if kind and not (is_routine and not called) and not (is_string and is_public):
                found.add(name)
    return found


def writes(text: str) -> set[str]:
    """The tables that a file writes."""
    given = set(GIVEN.findall(text)) if WRITES_ANY.search(text) else set()
    return (given | set(WRITTEN.findall(text))) & TABLES


def table(kind: int) -> dict[str, list[str]]:
    """A column of the table of rooms, in its order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {line[0]: re.findall(r"`(\w+)`", line[kind]) for line in LINE.findall(text)}


MAY_CALL, MAY_WRITE = table(1), table(2)


def test_every_room_is_described() -> None:
    assert set(MAY_CALL) == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_calls_what_the_architecture_says(room: str) -> None:
    calls = {
        (path.stem, name)
        for path, text in ROOMS[room].items()
        for name in references(text)
        if OBJECTS[name][0] not in (room, *MAY_CALL[room])
    }
    assert calls == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_calls_no_fewer_rooms(room: str) -> None:
    """The table is no wish: what it allows is used."""
    called = {OBJECTS[name][0] for text in ROOMS[room].values() for name in references(text)}
    assert set(MAY_CALL[room]) - called == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_writes_what_the_architecture_says(room: str) -> None:
    written = {name.split(".")[1] for text in ROOMS[room].values() for name in writes(text)}
    assert sorted(written) == sorted(MAY_WRITE[room])


def test_calls_go_one_way() -> None:
    """A room calls only rooms above it in the table, so no two rooms call each other."""
    order = list(MAY_CALL)
    assert [
        (room, other) for room, calls in MAY_CALL.items() for other in calls if order.index(other) >= order.index(room)
    ] == []


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)+\w*(?:\.\w+)?)`", text)
    assert len(named) > 15
    assert [
        name for name in named if not (ROOT / name).exists() and not (EXTENSIONS["ghostwatch"] / name).exists()
    ] == []
