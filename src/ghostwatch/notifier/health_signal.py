"""Something that is well or not, what is worth a line in the log, and pauses between attempts."""

from __future__ import annotations

import logging
import random
import re
import time

LONGEST_BACKOFF = 15.0

log = logging.getLogger(__name__)


class Backoff:
    """Growing pauses between attempts, with jitter, so that many clients do not come back at once."""

    def __init__(self, longest: float = LONGEST_BACKOFF) -> None:
        self._longest = longest
        self._failures = 0

    def succeeded(self) -> None:
        """Begins again with short pauses."""
        self._failures = 0

    def next_pause(self) -> float:
        """How long to wait after one more failure, in seconds."""
        self._failures += 1
        return float(min(0.25 * 2 ** min(self._failures, 10), self._longest) * random.uniform(0.5, 1.0))


def cause_of(problem: str) -> str:
    """The problem without its numbers: the same cause with another number or time in it is no news."""
    return re.sub(r"\d+", "", problem)


class RecentCauses:
    """What was logged within the last minute: two hundred chats that meet the same trouble are one line."""

    def __init__(self, every: float = 60.0) -> None:
        self._every = every
        self._logged_at: dict[str, float] = {}

    def is_news(self, problem: str) -> bool:
        """Whether it is worth a line; it is not for a minute from now on."""
        now = time.monotonic()
        self._logged_at = {cause: at for cause, at in self._logged_at.items() if now - at < self._every}
        if (cause := cause_of(problem)) in self._logged_at:
            return False
        self._logged_at[cause] = now
        return True


class HealthSignal:
    """Something that is well or not; each change is logged, and each new cause, but no attempt."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problem: str | None = None
        self._since = 0.0
        self._logged: set[str] = set()

    def well(self) -> None:
        """All is well (again)."""
        if self.problem is not None:
            log.info("%s: well again", self.name)
        self.problem = None
        self._logged.clear()

    def unwell(self, problem: str) -> None:
        """Something is wrong."""
        if self.problem is None:
            self._since = time.monotonic()
        cause = cause_of(problem)
        if cause not in self._logged and len(self._logged) < 20:
            self._logged.add(cause)
            log.warning("%s: %s", self.name, problem)
        self.problem = problem

    def unwell_for(self) -> float:
        """For how many seconds it has been unwell; 0 while it is well."""
        return 0.0 if self.problem is None else time.monotonic() - self._since
