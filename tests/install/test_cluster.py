"""A throw-away server on a machine where ghostwatch is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.build import version
from tests.support.cluster import Cluster, ServerTree


@pytest.fixture
def machine() -> Iterator[ServerTree]:
    """The machine's server, laid out as it is, where files can be added to its extensions."""
    original = ServerTree.find()
    home = Path(os.path.commonpath([original.bin, original.lib, original.share]))
    # pytest's own temporary directories are closed to the server's account.
    with TemporaryDirectory(prefix="ghostwatch-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        paths = (directory / path.relative_to(home) for path in (original.bin, original.lib, original.share))
        copy = ServerTree(*paths)
        (copy.share / "extension").mkdir(parents=True)
        for source, target in ((original.share, copy.share), (original.share / "extension", copy.share / "extension")):
            for path in source.iterdir():
                if not (target / path.name).exists():
                    (target / path.name).symlink_to(path)
        copy.bin.parent.mkdir(parents=True, exist_ok=True)
        copy.bin.symlink_to(original.bin)
        copy.lib.symlink_to(original.lib)
        yield copy


@pytest.mark.machine
def test_it_takes_our_build_and_leaves_the_installed_one_alone(machine: ServerTree) -> None:
    """The machine's files may be of another version, and only root could write them."""
    installed = [machine.share / "extension" / name for name in ("ghostwatch.control", f"ghostwatch--{version()}.sql")]
    for path in installed:
        path.unlink(missing_ok=True)
        path.write_text("somebody else's", encoding="utf-8")

    with Cluster(tree=machine) as cluster:
        cluster.execute("CREATE EXTENSION ghostwatch")
    assert [path.read_text(encoding="utf-8") for path in installed] == ["somebody else's"] * 2
