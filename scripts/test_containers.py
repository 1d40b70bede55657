"""Builds the images and runs the test suite against them, on every PostgreSQL that they come with.

Without a Docker engine nothing is tested; that is said loudly and counts as skipped.
Arguments go to pytest.
"""

from __future__ import annotations

import sys

from scripts.engine import SUITES, Engine, NoEngineError
from scripts.suites import run_suites


def main(arguments: list[str]) -> int:
    """Returns 1 if a test failed on any of them."""
    try:
        with Engine.at_hand() as engine:
            common = engine.environment | {
                "GHOSTWATCH_TEST_SIDECAR_IMAGE": engine.build_sidecar(),
                # Its helper image could not be pulled everywhere, and every container here is stopped by its fixture.
                "TESTCONTAINERS_RYUK_DISABLED": "true",
            }
            images = [engine.build_postgres(major) for major in SUITES]
            return run_suites({image: common | {"GHOSTWATCH_TEST_IMAGE": image} for image in images}, arguments)
    except NoEngineError as error:
        print(f"{'!' * 80}\nSKIPPED, no image was tested: {error}\n{'!' * 80}\n0 passed, 0 failed, 1 skipped")
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
