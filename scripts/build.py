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
SOURCES = {"ghostwatch": "ghostwatch", "ghostwatch_onboarding": "onboarding"}
EXTENSIONS = {name: ROOT / "sql" / folder for name, folder in SOURCES.items()}

# Everything runs with one search path, which CREATE EXTENSION would otherwise vary by user.
PROLOGUE = "SET LOCAL search_path = pg_catalog, pg_temp;\n"
EXTENSION_HEADER = '\\echo Use "{use}" to load this file. \\quit\n'
# One statement, so that every driver and migration tool can send it, in a transaction of its own or in a longer one.
# The search path is given back at the end, because SET LOCAL counts until the end of the transaction.
PLAIN = """\
-- {title}, for servers where no extension file can be placed.
-- {advice}: psql --no-psqlrc --set ON_ERROR_STOP=1 --file {file}
DO ${tag}$
DECLARE
    _search_path CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    _lock_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
BEGIN
{body}
PERFORM pg_catalog.set_config('search_path', _search_path, true);
PERFORM pg_catalog.set_config('lock_timeout', _lock_timeout, true);
END
${tag}$;
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


def plain_script(body: str, *, title: str, advice: str, file: str, tag: str) -> str:
    """The statements as one DO statement."""
    assert f"${tag}$" not in body
    return PLAIN.format(body=body.rstrip(), title=title, advice=advice, file=file, tag=tag)


def scripts_of(name: str, root: Path = ROOT) -> dict[str, str]:
    """The files of one extension by their names: control file, extension script and plain script."""
    source = root / "sql" / SOURCES[name]
    current = version(root)
    body = PROLOGUE + flatten(source / "install.sql")
    files = {
        f"{name}.control": (source / f"{name}.control").read_text(encoding="utf-8"),
        f"{name}--{current}.sql": EXTENSION_HEADER.format(use=f"CREATE EXTENSION {name}")
        + body
        + flatten(source / "extension_only.sql"),
        f"{name}.sql": plain_script(
            body,
            title=f"{name} {current}",
            advice="Run it as the role that is to own it",
            file=f"{name}.sql",
            tag="install",
        ),
    }
    return {file: text.replace("@version@", current) for file, text in files.items()}


def build(root: Path = ROOT) -> list[Path]:
    """Writes dist/ and the package's copy of the plain scripts; returns what it wrote."""
    dist, package_data = root / "dist", root / "src" / "ghostwatch" / "sql"
    written: list[Path] = []

    def write(target: Path, text: str) -> None:
        # Replaced in one go: a demo or test beside this one may be reading it.
        target.parent.mkdir(exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
        written.append(target)

    for name in SOURCES:
        for file, text in scripts_of(name, root).items():
            write(dist / file, text)
            if file.endswith(".sql") and "--" not in file:
                write(package_data / file, text)

    for stale in {*dist.glob("[!.]*"), *package_data.glob("[!.]*")} - {*written}:
        stale.unlink(missing_ok=True)
    return written


if __name__ == "__main__":
    for path in build():
        print(path.relative_to(ROOT))
