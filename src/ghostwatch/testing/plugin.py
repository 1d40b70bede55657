"""The fixtures that ghostwatch brings to pytest."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest

from ghostwatch import testing

AssertContract = Callable[..., Any]
"""What the fixture assert_contract is: ghostwatch.testing.assert_contract, without its argument dsn."""


@pytest.fixture
def ghostwatch_dsn() -> str:
    """The database of the application under test: GHOSTWATCH_DSN, else libpq's PG* variables.

    Override this fixture where the tests make a database of their own.
    """
    return os.environ.get("GHOSTWATCH_DSN", "")


@pytest.fixture
def assert_contract(request: pytest.FixtureRequest) -> Iterator[AssertContract]:
    """Asserts that a subject, whatever code created it, has all that a contract asks for.

    It looks at what was committed in the database of ghostwatch_dsn. A test that does not commit gives
    its own connection: assert_contract("onboarding", user_id, connection=connection). With an
    asynchronous one it must be awaited; a test that forgets that has proved nothing, and fails.
    """
    promised: list[_Promise] = []

    def check(contract: str, subject_key: object, *, connection: Any = None, **more: Any) -> Any:
        __tracebackhide__ = True
        if connection is None:
            more["dsn"] = request.getfixturevalue("ghostwatch_dsn")
        result = testing.assert_contract(contract, subject_key, connection=connection, **more)
        if inspect.iscoroutine(result):
            result = _Promise(result)
            promised.append(result)
        return result

    yield check
    forgotten = [promise for promise in promised if not promise.is_awaited]
    for promise in forgotten:
        promise.coroutine.close()
    if forgotten:
        pytest.fail("assert_contract was not awaited, so nothing was proved: await it", pytrace=False)


class _Promise:
    """A result to await that knows whether somebody did."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.coroutine = coroutine
        self.is_awaited = False

    def __await__(self) -> Generator[Any, Any, None]:
        self.is_awaited = True
        return self.coroutine.__await__()
