"""Flattens sql/ into the installation scripts, as extensions and as plain SQL.

Needs nothing but Python, so that `make dist` works before anything is installed.
The wheel's build runs it too (scripts/build_hook.py).
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PACKAGE_DATA = ROOT / "src" / "ghostwatch" / "sql"
EXTENSIONS = {"ghostwatch": ROOT / "sql" / "ghostwatch", "ghostwatch_onboarding": ROOT / "sql" / "onboarding"}

EXTENSION_HEADER = '\\echo Use "CREATE EXTENSION {name}" to load this file. \\quit\n'
PLAIN_HEADER = (
    "-- {name} {version} for servers where no extension file can be placed.\n"
    "-- Run it as the role that is to own it: psql --no-psqlrc --file {name}.sql\n"
    "\\set ON_ERROR_STOP on\n"
    "\\encoding UTF8\n"
    "BEGIN;\n"
)
PLAIN_FOOTER = "COMMIT;\n"


def version() -> str:
    """The version of everything, written once in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def flatten(script: Path) -> str:
    """Returns the script with every included file in its place."""
    lines = []
    for line in script.read_text(encoding="utf-8").splitlines(keepends=True):
        included = re.fullmatch(r"\\ir\s+(\S+)\s*", line)
        lines.append(flatten(script.parent / included[1]) if included else line)
    return "".join(lines)


def build() -> list[Path]:
    """Writes dist/ and the package's copy of the plain scripts; returns what it wrote."""
    DIST.mkdir(exist_ok=True)
    PACKAGE_DATA.mkdir(exist_ok=True)

    current = version()
    written: list[Path] = []

    def write(target: Path, text: str) -> None:
        # Replaced in one go: a demo or test beside this one may be reading it.
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        unfinished.write_text(text.replace("@version@", current), encoding="utf-8")
        unfinished.replace(target)
        written.append(target)

    for name, source in EXTENSIONS.items():
        # Both kinds run with the search path that CREATE EXTENSION would otherwise vary by user.
        body = "SET LOCAL search_path = pg_catalog, pg_temp;\n" + flatten(source / "install.sql")
        header = PLAIN_HEADER.format(name=name, version=current)
        write(DIST / f"{name}.control", (source / f"{name}.control").read_text(encoding="utf-8"))
        write(
            DIST / f"{name}--{current}.sql",
            EXTENSION_HEADER.format(name=name) + body + flatten(source / "extension_only.sql"),
        )
        write(DIST / f"{name}.sql", header + body + PLAIN_FOOTER)
        # `ghostwatch install` opens the transaction itself.
        write(PACKAGE_DATA / f"{name}.sql", body)

    for stale in {*DIST.glob("[!.]*"), *PACKAGE_DATA.glob("[!.]*")} - {*written}:
        stale.unlink(missing_ok=True)
    return written


if __name__ == "__main__":
    for path in build():
        print(path.relative_to(ROOT))
