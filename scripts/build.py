"""Flattens sql/ into the installation scripts, as extensions and as plain SQL.

Needs nothing but Python, so that `make dist` works before anything is installed.
The wheel's build runs it too (scripts/build_hook.py).
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a file before anything is installed, as `make dist` and the wheel's build do.
sys.path[:0] = [str(path) for path in (ROOT, ROOT / "src") if str(path) not in sys.path]

from scripts.upgrade import Locks, Version, conversion_script, steps_between, upgrade_script  # noqa: E402

DIST = ROOT / "dist"
SOURCES = {"ghostwatch": "ghostwatch", "ghostwatch_onboarding": "onboarding"}
EXTENSIONS = {name: ROOT / "sql" / folder for name, folder in SOURCES.items()}

# Everything runs with one search path, which CREATE EXTENSION would otherwise vary by user.
PROLOGUE = "SET LOCAL search_path = pg_catalog, pg_temp;\n"
EXTENSION_HEADER = '\\echo Use "{use}" to load this file. \\quit\n'
PLAIN_HEADER = """\
-- {title}, for servers where no extension file can be placed.
-- Run it as the role that {owner}: psql --no-psqlrc --set ON_ERROR_STOP=1 --file {file}
"""
# One statement, so that every driver and migration tool can send it, in a transaction of its own or in a longer one.
# The search path is given back at the end, because SET LOCAL counts until the end of the transaction.
ONE_STATEMENT = """\
DO $install$
DECLARE
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
{body}
PERFORM pg_catalog.set_config('search_path', _search_path, true);
END
$install$;
"""


def version(root: Path = ROOT) -> str:
    """The version of everything, written once in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def flatten(script: Path) -> str:
    """Returns the script with every included file in its place."""
    lines = []
    for line in script.read_text(encoding="utf-8").splitlines(keepends=True):
        included = re.fullmatch(r"\\ir\s+(\S+)\s*", line)
        lines.append(flatten(script.parent / included[1]) if included else line)
    return "".join(lines)


def installation_scripts(name: str, root: Path = ROOT) -> dict[str, str]:
    """What installs one extension in the tree's version, by file name: control file, extension and plain script."""
    source = root / "sql" / SOURCES[name]
    current = version(root)
    body = PROLOGUE + flatten(source / "install.sql")
    files = {
        f"{name}.control": (source / f"{name}.control").read_text(encoding="utf-8"),
        f"{name}--{current}.sql": EXTENSION_HEADER.format(use=f"CREATE EXTENSION {name}")
        + body
        + flatten(source / "extension_only.sql"),
        f"{name}.sql": PLAIN_HEADER.format(title=f"{name} {current}", owner="is to own it", file=f"{name}.sql")
        + ONE_STATEMENT.format(body=body.rstrip()),
    }
    return {file: text.replace("@version@", current) for file, text in files.items()}


def released_versions(root: Path = ROOT) -> list[str]:
    """The versions that migrations/released/ keeps, oldest first."""
    return sorted((path.name for path in (root / "migrations" / "released").glob("[0-9]*")), key=_order)


def _order(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


def _versions(name: str, root: Path) -> dict[str, str]:
    """The installation script of each version of an extension, oldest first: the released ones and the tree's."""
    current = version(root)
    scripts = {
        number: (root / "migrations" / "released" / number / f"{name}--{number}.sql").read_text(encoding="utf-8")
        for number in released_versions(root)
    } | {current: installation_scripts(name, root)[f"{name}--{current}.sql"]}
    return {number: scripts[number] for number in sorted(scripts, key=_order)}


def upgrade_locks(name: str, root: Path = ROOT) -> dict[str, Locks]:
    """What the upgrade of one extension to each version locks."""
    versions = (Version.read(number, script) for number, script in _versions(name, root).items())
    return {
        new.number: Locks.of(old, new, steps_between(root / "migrations" / name, old.number, new.number))
        for old, new in pairwise(versions)
    }


def upgrade_scripts(name: str, root: Path = ROOT) -> dict[str, str]:
    """What changes one extension from each released version into the next and back, by file name; and old versions."""
    frame = flatten(root / "sql" / "upgrade.sql")
    installing = _versions(name, root)
    files = {f"{name}--{number}.sql": script for number, script in installing.items()}
    for old, new in pairwise(Version.read(number, script) for number, script in installing.items()):
        steps = steps_between(root / "migrations" / name, old.number, new.number)
        for before, after, undo in ((old, new, False), (new, old, True)):
            for kind in ("extension", "plain"):
                script = upgrade_script(
                    frame,
                    extension=name,
                    schema=SOURCES[name],
                    kind=kind,
                    before=before,
                    after=after,
                    steps=steps,
                    undo=undo,
                )
                if script is None:
                    continue
                if kind == "extension":
                    use = f"ALTER EXTENSION {name} UPDATE TO '{after.number}'"
                    files[f"{name}--{before.number}--{after.number}.sql"] = EXTENSION_HEADER.format(use=use) + script
                else:
                    file = f"{name}_{before.number}_to_{after.number}.sql"
                    title = f"{name} {before.number} to {after.number}"
                    files[file] = PLAIN_HEADER.format(title=title, owner="owns it", file=file) + script
    return files


def conversion_scripts(name: str, root: Path = ROOT) -> dict[str, str]:
    """What makes a plain installation of the tree's version the extension, by file name.

    The extension's version 'plain' has no object: it takes in those that are there, and then becomes this version.
    """
    current = version(root)
    installed = Version.read(current, installation_scripts(name, root)[f"{name}--{current}.sql"])
    script = conversion_script(
        flatten(root / "sql" / "to_extension.sql"), extension=name, schema=SOURCES[name], version=installed
    )
    file = f"{name}_to_extension.sql"
    header = EXTENSION_HEADER.format(use=f"{file}, as migrations/README.md says,")
    return {
        f"{name}--plain.sql": header,
        f"{name}--plain--{current}.sql": header
        + PROLOGUE
        + flatten(root / "sql" / SOURCES[name] / "extension_only.sql"),
        file: PLAIN_HEADER.format(title=f"{name} {current}, plain to extension", owner="owns it", file=file) + script,
    }


def build(root: Path = ROOT) -> list[Path]:
    """Writes dist/ and the package's copy of the plain scripts; returns what it wrote."""
    dist, package_data = root / "dist", root / "src" / "ghostwatch" / "sql"
    written: list[Path] = []

    def write(target: Path, text: str) -> None:
        # Replaced in one go: a demo or test beside this one may be reading it.
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
        written.append(target)

    for name in SOURCES:
        for file, text in (
            upgrade_scripts(name, root) | conversion_scripts(name, root) | installation_scripts(name, root)
        ).items():
            write(dist / file, text)
            if file.endswith(".sql") and "--" not in file:
                write(package_data / file, text)

    for stale in {*dist.glob("[!.]*"), *package_data.glob("[!.]*")} - {*written}:
        if not stale.is_dir():
            stale.unlink(missing_ok=True)
    return written


if __name__ == "__main__":
    for path in build():
        print(path.relative_to(ROOT))
