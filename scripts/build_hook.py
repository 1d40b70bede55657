"""Builds the SQL scripts whenever the Python package is built, so that a wheel always carries them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SqlBuildHook(BuildHookInterface[Any]):
    """Runs scripts/build.py before hatchling collects the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before every build."""
        if (Path(self.root) / "sql").is_dir():
            runpy.run_path(str(Path(self.root) / "scripts" / "build.py"), run_name="__main__")
