"""Builds the images and runs the test suite against them, on every PostgreSQL that they come with.

Without a Docker engine nothing is tested; that is said loudly and counts as skipped.
Arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys

from scripts.engine import SUITES, Engine, NoEngineError


def main(arguments: list[str]) -> int:
    """Returns 1 if a test failed on any of them."""
    try:
        with Engine.at_hand() as engine:
            sidecar = engine.build_sidecar()
            images = {major: engine.build_postgres(major) for major in SUITES}
            failed = [major for major, image in images.items() if not _passes(engine, image, sidecar, arguments)]
    except NoEngineError as error:
        print(f"{'!' * 80}\nSKIPPED, no image was tested: {error}\n{'!' * 80}\n0 passed, 0 failed, 1 skipped")
        return 0
    for major in failed:
        print(f"test-containers: failed on PostgreSQL {major}")
    return 1 if failed else 0


def _passes(engine: Engine, image: str, sidecar: str, arguments: list[str]) -> bool:
    print(f"test-containers: {image}", flush=True)
    environment = engine.environment | {
        "GHOSTWATCH_TEST_IMAGE": image,
        "GHOSTWATCH_TEST_SIDECAR_IMAGE": sidecar,
        # Its helper image could not be pulled everywhere, and every container here is stopped by its fixture.
        "TESTCONTAINERS_RYUK_DISABLED": "true",
    }
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
