"""Making a release: what is checked, what is kept, and that it can be built again byte for byte."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.build import ROOT, SOURCES, version
from scripts.release import ReleaseError, check, freeze, make

NEXT = "99.0.0"


def git(tree: Path, *arguments: str) -> str:
    """Runs git with an author of its own."""
    author = ("-c", "user.name=Author", "-c", "user.email=author@example.com")
    command = ["git", *author, *arguments]
    return subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The source in a repository of its own, as the version after this one, ready to be released."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    for name in ("pyproject.toml", "META.json"):
        text = (tree / name).read_text(encoding="utf-8").replace(f'"{version()}"', f'"{NEXT}"')
        (tree / name).write_text(text, encoding="utf-8")
    packaged = tree / "debian" / "changelog"
    packaged.write_text(packaged.read_text(encoding="utf-8").replace(f"({version()}-", f"({NEXT}-"), encoding="utf-8")
    changelog = tree / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace("\n## [", f"\n## [{NEXT}] - 2030-01-01\n\n## [", 1), encoding="utf-8")
    git(tree, "init", "--quiet")
    freeze(tree)
    commit(tree)
    return tree


def commit(tree: Path) -> None:
    """Commits everything."""
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "Release")


def test_everything_agrees(tree: Path) -> None:
    check(tree)


def dirty(tree: Path) -> None:
    (tree / "README.md").write_text("something else", encoding="utf-8")


def without_changelog(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("# Changelog\n", encoding="utf-8")
    commit(tree)


def with_another_version(tree: Path) -> None:
    text = (tree / "META.json").read_text(encoding="utf-8")
    (tree / "META.json").write_text(text.replace(NEXT, "98.0.0", 1), encoding="utf-8")
    commit(tree)


def packaged_as_another(tree: Path) -> None:
    text = (tree / "debian" / "changelog").read_text(encoding="utf-8")
    (tree / "debian" / "changelog").write_text(text.replace(NEXT, "98.0.0"), encoding="utf-8")
    commit(tree)


def not_frozen(tree: Path) -> None:
    shutil.rmtree(tree / "migrations" / "released" / NEXT)
    commit(tree)


def changed_afterwards(tree: Path) -> None:
    with (tree / "sql" / "ghostwatch" / "schema.sql").open("a", encoding="utf-8") as file:
        file.write("-- later\n")
    commit(tree)


def rewritten(tree: Path) -> None:
    with (tree / "migrations" / "released" / NEXT / "ghostwatch.sql").open("a", encoding="utf-8") as file:
        file.write("-- later\n")
    commit(tree)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (dirty, "not committed"),
        (without_changelog, r"no section '## \[99\.0\.0\]"),
        (with_another_version, "META.json says 98.0.0 where pyproject.toml says 99.0.0"),
        (packaged_as_another, r"debian/changelog begins with 'ghostwatch \(98"),
        (not_frozen, "version 99.0.0 is not frozen"),
        (changed_afterwards, "is not what the tree builds"),
        (rewritten, "was changed after its release"),
    ],
)
def test_what_does_not_agree_is_named(tree: Path, harm: Callable[[Path], None], problem: str) -> None:
    harm(tree)
    with pytest.raises(ReleaseError, match=problem):
        check(tree)


def test_a_released_version_is_frozen_once(tree: Path) -> None:
    with pytest.raises(ReleaseError, match="a released version never changes"):
        freeze(tree)


@pytest.mark.once
@pytest.mark.timeout(300)
def test_it_is_built_twice_byte_for_byte(tree: Path) -> None:
    """From the commit alone: what lies about in the tree is in none of it."""
    (tree / "left-over.txt").write_text("secret", encoding="utf-8")
    made = {path.name for path in make(tree)}
    assert made == {
        f"ghostwatch-{NEXT}.zip",
        f"ghostwatch-{NEXT}-dbdev.zip",
        f"ghostwatch-{NEXT}-sql.zip",
        f"ghostwatch-{NEXT}.tar.gz",
        f"ghostwatch-{NEXT}-py3-none-any.whl",
        "SHA256SUMS",
    }
    directory = tree / "dist" / "release"
    with zipfile.ZipFile(directory / f"ghostwatch-{NEXT}.zip") as archive:
        names = set(archive.namelist())
    assert {f"ghostwatch-{NEXT}/META.json", f"ghostwatch-{NEXT}/Makefile"} <= names
    with tarfile.open(directory / f"ghostwatch-{NEXT}.tar.gz") as sdist:
        names |= set(sdist.getnames())
    with zipfile.ZipFile(directory / f"ghostwatch-{NEXT}-py3-none-any.whl") as wheel:
        assert "ghostwatch/sql/ghostwatch.sql" in wheel.namelist()
        names |= set(wheel.namelist())
    with zipfile.ZipFile(directory / f"ghostwatch-{NEXT}-sql.zip") as sql:
        assert f"ghostwatch--{NEXT}.sql" in sql.namelist()
    assert not any("left-over" in name for name in names)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=directory, check=True)


def test_metadata_for_pgxn() -> None:
    """As the specification of PGXN demands (version 1.0.0 of the meta spec)."""
    meta = json.loads((ROOT / "META.json").read_text(encoding="utf-8"))
    assert {"name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"} <= meta.keys()
    semantic = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[A-Za-z][0-9A-Za-z-]*)?")
    term = re.compile(r"[^\s/\\\x00-\x1f]{2,}")
    assert term.fullmatch(meta["name"])
    assert meta["license"] == "postgresql"
    assert meta["release_status"] in ("stable", "testing", "unstable")
    assert meta["meta-spec"]["version"] == "1.0.0"
    assert meta["provides"].keys() == SOURCES.keys()
    for name, provided in meta["provides"].items():
        assert term.fullmatch(name)
        assert semantic.fullmatch(provided["version"])
        assert provided["version"] == meta["version"] == version()
        assert provided["abstract"]
        for key in ("file", "docfile"):
            assert (ROOT / provided[key]).is_file()
    for phase, relations in meta["prereqs"].items():
        assert phase in ("configure", "build", "test", "runtime", "develop")
        for relation, needed in relations.items():
            assert relation in ("requires", "recommends", "suggests", "conflicts")
            assert all(number == 0 or semantic.fullmatch(number) for number in needed.values())
    assert all(0 < len(tag) < 256 and not re.search(r"[/\\\x00-\x1f]", tag) for tag in meta["tags"])
