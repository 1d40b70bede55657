"""One object per file, the file named after it, and what every function must say of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.build import EXTENSIONS, ROOT

CREATED = re.compile(r"^CREATE (FUNCTION|PROCEDURE|VIEW|TYPE|TABLE) \w+\.(\w+)", re.M)
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "sql").glob("*/*/**/*.sql"))
ROUTINES = [path for path in FILES if re.search(r"^CREATE (FUNCTION|PROCEDURE)", (ROOT / path).read_text(), re.M)]


def read(path: Path) -> str:
    """The file's text."""
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_holds_one_object_and_is_named_after_it(path: Path) -> None:
    # The variants of one function for several types of argument are one object.
    names = list(dict.fromkeys(name.lstrip("_") for _, name in CREATED.findall(read(path))))
    assert names in ([path.stem.lstrip("_")], [])


@pytest.mark.parametrize("path", ROUTINES, ids=str)
def test_a_routine_says_what_it_is(path: Path) -> None:
    text = read(path)
    created = CREATED.findall(text)
    ((kind, name),) = set(created)
    if re.search(r"^AS \$", text, re.M):
        assert text.count(f"${name}$") == 2 * len(created), "the dollar tag is the routine's name"
    assert re.search(rf"^COMMENT ON {kind} \w+\.{name}\b", text, re.M), "its description follows"
    if kind == "FUNCTION":
        assert re.search(r"^(IMMUTABLE|STABLE|VOLATILE)$", text, re.M), "its volatility is said"
        assert re.search(r"^PARALLEL (SAFE|RESTRICTED|UNSAFE)$", text, re.M), "its parallel safety is said"
    if re.search(r"^SECURITY DEFINER$", text, re.M):
        assert re.search(r"^-- A definer.*\nSECURITY DEFINER\nSET search_path = pg_catalog, pg_temp$", text, re.M), (
            "a definer says why, and pins its search path"
        )


@pytest.mark.parametrize("path", ROUTINES, ids=str)
def test_no_comment_repeats_the_description(path: Path) -> None:
    """COMMENT ON says what a routine does; the comment at its top, if there is any, says why it does it so."""
    text = read(path)
    top = re.search(r"^(?:AS \$\w+\$|BEGIN ATOMIC)\n((?:\s*--.*\n)+)", text, re.M)
    described = re.search(r"^COMMENT ON (?:FUNCTION|PROCEDURE) .*? IS\n((?:\s*'[^']*')+);", text, re.M | re.S)
    assert described
    comment = top[1].replace("--", " ") if top else ""
    for sentence in re.split(r"(?<=[.])\s", described[1].replace("'", " ")):
        words = _words(sentence)
        assert len(words) < 6 or not any(words <= _words(said) for said in re.split(r"(?<=[.])\s", comment)), sentence


def _words(sentence: str) -> set[str]:
    return set(re.findall(r"[a-z_0-9]+", sentence.lower()))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_role_whose_name_needs_quotes_is_found(path: Path) -> None:
    """The name of a role is read as an identifier: unquoted, it would be folded to lower case."""
    assert not re.search(r"(?<!quote_ident\()(current|session)_user::(text::)?regrole", read(path))


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_manifest_names_every_file(name: str) -> None:
    folder = EXTENSIONS[name]
    named = re.findall(r"^\\ir (\S+)$", (folder / "install.sql").read_text(encoding="utf-8"), re.M)
    present = [str(path.relative_to(folder)) for path in folder.rglob("*.sql")]
    assert sorted(named) == sorted(set(present) - {"install.sql", "extension_only.sql"})


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_driver_takes_anything_for_a_parameter(path: Path) -> None:
    """SQLAlchemy, and so Alembic, takes :name for one; and ASCII reads the same in every encoding."""
    assert re.findall(r"(?<![:\w\\]):(\w+)(?!:)", read(path)) == []
    assert read(path).isascii()
