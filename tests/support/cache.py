"""Where downloads that are worth keeping between runs lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory(name: str) -> Path:
    """The directory for one kind of download, made if missing; a server's account can read it."""
    home = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    directory = home / "ghostwatch" / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory
