"""Contracts in the migrations of Alembic: importing this gives `op` four more operations.

    import ghostwatch.alembic  # noqa: F401

    def upgrade():
        op.declare_contract("onboarding", "public.user", born_at_column="created_at")
        op.declare_invariant("onboarding", "first_meme", "public.user_meme_reaction", "user_id")

    def downgrade():
        op.drop_contract("onboarding")

The arguments are those of the SQL functions. Both directions also work with `alembic upgrade --sql`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import text


class _Call(MigrateOperation):
    """A call of one of ghostwatch's functions."""

    function: str
    reverse_operation: type[_Call] | None = None
    # How many of the arguments name the object, which is what dropping takes.
    named_by: int = 1

    def __init__(self, *arguments: object, **named: object) -> None:
        self.arguments = arguments
        self.named = named

    @classmethod
    def run(cls, operations: Operations, *arguments: object, **named: object) -> None:
        """Called as op.<name of the function>(...)."""
        operations.invoke(cls(*arguments, **named))

    def reverse(self) -> _Call:
        """What undoes a declaration: dropping what it declared."""
        if self.reverse_operation is None:
            raise NotImplementedError(f"{self.function} cannot be undone without the declaration")
        return self.reverse_operation(*self.arguments[: self.named_by])

    def statement(self) -> str:
        """The call, with every argument as a literal, whose type PostgreSQL takes from the function."""
        given = [literal(value) for value in self.arguments]
        given += [f"{name} => {literal(value)}" for name, value in self.named.items()]
        return f"SELECT ghostwatch.{self.function}({', '.join(given)})"


def literal(value: object) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, timedelta):
        return f"'{value.total_seconds()} seconds'"
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        return f"E'{escaped}'".replace("\\", "\\\\") if "\\" in value else f"'{escaped}'"
    if isinstance(value, Mapping):
        return literal(json.dumps(value))
    if isinstance(value, Sequence):
        return f"ARRAY[{', '.join(literal(item) for item in value)}]" if value else "'{}'"
    raise TypeError(f"{value!r} cannot be an argument of ghostwatch")


def _register(function: str, *, named_by: int = 1, undone_by: type[_Call] | None = None) -> type[_Call]:
    """Makes the function an operation of `op`."""
    members: dict[str, Any] = {"function": function, "named_by": named_by, "reverse_operation": undone_by}
    operation = type(f"_{function}", (_Call,), members)
    Operations.register_operation(function, "run")(operation)

    @Operations.implementation_for(operation)
    def run(operations: Operations, call: _Call) -> None:
        context = operations.migration_context
        if context.as_sql:
            # Written as it is: compiled for a driver, it would have every percent sign twice.
            context.impl.static_output(call.statement() + ";")
        else:
            # The colons of a value would be taken for the beginning of a parameter's name.
            operations.execute(text(call.statement().replace(":", r"\:")))

    _: Callable[..., None] = run
    return operation


_drop_contract = _register("drop_contract")
_drop_invariant = _register("drop_invariant", named_by=2)
_declare_contract = _register("declare_contract", undone_by=_drop_contract)
_declare_invariant = _register("declare_invariant", named_by=2, undone_by=_drop_invariant)
