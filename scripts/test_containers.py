"""Builds the images and runs the test suite against them, on every PostgreSQL that they come with.

Without a Docker engine nothing is tested; that is said loudly and counts as skipped.
Arguments go to pytest.
"""

from __future__ import annotations

import sys

from scripts.suites import end_orderly_on_signals, run_suites
from tests.support.engine import SUITES, Engine, NoEngineError


def main(arguments: list[str]) -> int:
    """Returns 1 if a test failed on any of them."""
    try:
        with Engine.at_hand() as engine:
            sidecar = engine.build_sidecar()
            images = [engine.build_postgres(major) for major in SUITES]
            with engine.label() as label:
                common = engine.environment | {
                    "GHOSTWATCH_TEST_SIDECAR_IMAGE": sidecar,
                    "GHOSTWATCH_TEST_LABEL": label,
                    # Its helper image could not be pulled everywhere; the label does what it is for.
                    "TESTCONTAINERS_RYUK_DISABLED": "true",
                }
                return run_suites({image: common | {"GHOSTWATCH_TEST_IMAGE": image} for image in images}, arguments)
    except NoEngineError as error:
        print(f"{'!' * 80}\nSKIPPED, no image was tested: {error}\n{'!' * 80}\n0 passed, 0 failed, 1 skipped")
        return 0


if __name__ == "__main__":
    end_orderly_on_signals()
    sys.exit(main(sys.argv[1:]))
