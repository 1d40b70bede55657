"""Makes a release: checks that everything about it agrees, and builds what is published into dist/release.

    python -m scripts.release --freeze    # keeps the SQL of this version for ever, below migrations/released/
    python -m scripts.release             # checks and builds; run it on the commit that is to be tagged

Everything is built twice, from the commit alone and in different directories, and must be the same byte for byte.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.build import ROOT, SOURCES, build, installation_scripts, released_versions, version

# What compares installations with each other and upgrades with fresh ones.
TESTS = ("tests/install", "tests/migrations")


class ReleaseError(RuntimeError):
    """Something about the release does not hold; the message says what, and what to do."""


def frozen_files(root: Path) -> dict[str, str]:
    """What is kept of the tree's version, by file name."""
    return {file: text for name in SOURCES for file, text in installation_scripts(name, root).items()}


def freeze(root: Path = ROOT) -> Path:
    """Keeps the SQL of the tree's version below migrations/released/ and returns the directory."""
    directory = root / "migrations" / "released" / version(root)
    if directory.exists():
        raise ReleaseError(f"{directory.relative_to(root)} exists; a released version never changes")
    directory.mkdir(parents=True)
    for file, text in frozen_files(root).items():
        (directory / file).write_text(text, encoding="utf-8")
    (directory / "SHA256SUMS").write_text(_sums(directory), encoding="ascii")
    return directory


def check(root: Path = ROOT) -> None:
    """Raises ReleaseError with everything that does not hold."""
    current = version(root)
    problems = []
    if changes := _git(root, "status", "--porcelain"):
        problems.append(f"the tree has changes that are not committed:\n{changes}")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(current)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.M):
        problems.append(f"CHANGELOG.md has no section '## [{current}] - <date>'")
    packaged = (root / "debian" / "changelog").read_text(encoding="utf-8").partition("\n")[0]
    if not packaged.startswith(f"ghostwatch ({current}-"):
        problems.append(f"debian/changelog begins with '{packaged}' where pyproject.toml says {current}")
    problems += [
        f"META.json says {found} where pyproject.toml says {current}"
        for found in sorted(_versions(json.loads((root / "META.json").read_text(encoding="utf-8"))) - {current})
    ]
    if current not in released_versions(root):
        problems.append(f"version {current} is not frozen: .venv/bin/python -m scripts.release --freeze")
    else:
        directory = root / "migrations" / "released" / current
        problems += [
            f"migrations/released/{current}/{file} is not what the tree builds: give the change a version of its own"
            for file, text in frozen_files(root).items()
            if (directory / file).read_text(encoding="utf-8") != text
        ]
    for number in released_versions(root):
        directory = root / "migrations" / "released" / number
        if (directory / "SHA256SUMS").read_text(encoding="ascii") != _sums(directory):
            problems.append(f"migrations/released/{number} was changed after its release: git checkout it")
    if problems:
        raise ReleaseError("\n".join(problems))


def make(root: Path = ROOT) -> list[Path]:
    """Builds everything that is published from the last commit, twice, and returns what is in dist/release then."""
    target = root / "dist" / "release"
    with tempfile.TemporaryDirectory(prefix="ghostwatch-release-") as name:
        first, second = (_make_once(root, Path(name) / copy) for copy in ("first", "second/in-a-longer-path"))
        names = sorted(path.name for path in first.iterdir())
        _, differing, missing = filecmp.cmpfiles(first, second, names, shallow=False)
        if differing or missing:
            raise ReleaseError(f"built twice, these are not the same: {', '.join(differing + missing)}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(first, target)
    (target / "SHA256SUMS").write_text(_sums(target), encoding="ascii")
    return sorted(target.iterdir())


def _make_once(root: Path, directory: Path) -> Path:
    """Builds everything in a directory of its own and returns where it lies."""
    source, made = directory / "source", directory / "made"
    source.mkdir(parents=True)
    made.mkdir()
    current = version(root)
    archive = made / f"ghostwatch-{current}.zip"
    _git(root, "archive", "--format=zip", f"--prefix=ghostwatch-{current}/", f"--output={archive}", "HEAD")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(source)
    (tree,) = source.iterdir()

    committed_at = _git(root, "log", "-1", "--format=%ct")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", made, tree],
        env=os.environ | {"SOURCE_DATE_EPOCH": committed_at},
        check=True,
        capture_output=True,
    )
    built = {path.name: path.read_text(encoding="utf-8") for path in build(tree) if path.parent == tree / "dist"}
    _pack(made / f"ghostwatch-{current}-sql.zip", built)
    readme = (tree / "README.md").read_text(encoding="utf-8")
    _pack(made / f"ghostwatch-{current}-dbdev.zip", dbdev_files(built, readme))
    return made


def dbdev_files(built: Mapping[str, str], readme: str) -> dict[str, str]:
    """The extensions as database.dev and pg_tle take them, a directory for each: no file lies on the server there.

    Their versions are numbers, so that what turns a plain installation into the extension is left out. No command of
    psql is in a script, and the role that creates the extension chooses its schema, which holds none of its objects.
    """
    files = {}
    for name in SOURCES:
        files[f"{name}/README.md"] = readme
        control = built[f"{name}.control"].splitlines(keepends=True)
        files[f"{name}/{name}.control"] = "".join(line for line in control if not line.startswith(("#", "schema")))
        for file, text in built.items():
            if re.fullmatch(rf"{name}(--\d+\.\d+\.\d+)+\.sql", file):
                files[f"{name}/{file}"] = re.sub(r"^\\echo .*\n", "", text)
    return files


def _pack(target: Path, files: Mapping[str, str]) -> None:
    """A zip archive without a trace of when it was made."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())


def _sums(directory: Path) -> str:
    """The checksums of a directory's files, as sha256sum writes them."""
    files = sorted(path for path in directory.iterdir() if path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _versions(meta: dict[str, object]) -> set[str]:
    """The versions that META.json names: of the distribution and of each extension in it."""
    provided = meta["provides"]
    assert isinstance(provided, dict)
    return {str(meta["version"]), *(str(extension["version"]) for extension in provided.values())}


def _git(root: Path, *arguments: str) -> str:
    finished = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return finished.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 if the release does not hold."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--freeze", action="store_true", help="keep the SQL of this version, and stop")
    options = parser.parse_args(arguments)
    try:
        if options.freeze:
            print(f"release: kept in {freeze().relative_to(ROOT)}; commit it")
            return 0
        check()
        if subprocess.run([sys.executable, "-m", "pytest", "--quiet", *TESTS], cwd=ROOT, check=False).returncode != 0:
            raise ReleaseError("installations or upgrades differ")
        for path in make():
            print(f"release: {path.relative_to(ROOT)}")
    except ReleaseError as error:
        for problem in str(error).splitlines():
            print(f"release: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
