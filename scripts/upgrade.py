"""Builds the scripts that change one released version into the next, and back.

A change of state is a step in migrations/<extension>/, written by hand. Everything else, which is every routine, view,
type, trigger, comment and grant, is taken from the script of the version that it leads to, and what the version before
had besides is dropped. Both are read from installation scripts; no database is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostwatch.statements import statements

STEP_NAME = re.compile(r"(?P<old>[^_]+?)--(?P<new>[^_]+)_\d\d_\w+\.sql")
ROUTINE = re.compile(r"CREATE (?P<kind>FUNCTION|PROCEDURE) (?P<name>[\w.]+)")
CREATED = re.compile(r"CREATE (?P<kind>TYPE|VIEW|TABLE) (?P<name>[\w.]+)")
TRIGGER = re.compile(r"CREATE TRIGGER (?P<name>\w+)\b.*?\bON (?P<table>[\w.]+)", re.S)
ROUTINE_COMMENT = re.compile(r"COMMENT ON (?:FUNCTION|PROCEDURE) (?P<name>[\w.]+)\s*(?P<arguments>\([^)]*\))")
# Statements that only a new installation runs, or that an upgrade runs elsewhere.
ONLY_FRESH = re.compile(
    r"DO \$(guard|grants|row_security)\$|SET LOCAL|CREATE SCHEMA|CREATE TABLE|CREATE (UNIQUE )?INDEX|INSERT INTO"
)


class StepError(ValueError):
    """A step in migrations/ is not written as it has to be."""


@dataclass(frozen=True)
class Version:
    """One version of an extension, as its installation script has it."""

    number: str
    statements: tuple[str, ...]

    @classmethod
    def read(cls, number: str, extension_script: str) -> Version:
        """Takes the script of CREATE EXTENSION apart."""
        return cls(number, tuple(statements(extension_script)))

    @property
    def routines(self) -> dict[str, str]:
        """What each routine takes and returns, by its signature."""
        # Overloaded ones follow each other, and so do their comments.
        heads = [s.partition("\nLANGUAGE")[0] for s in self.statements if ROUTINE.match(s)]
        signatures = [m["name"] + m["arguments"] for s in self.statements if (m := ROUTINE_COMMENT.match(s))]
        named = [match["name"] for head in heads if (match := ROUTINE.match(head))]
        if named != [signature.partition("(")[0] for signature in signatures]:
            raise StepError("every routine needs its comment, in the order of the routines")
        return dict(zip(signatures, (" ".join(head.split()) for head in heads), strict=True))

    def created(self, kind: str) -> dict[str, str]:
        """The statements that create types, views or tables, by name."""
        return {m["name"]: s for s in self.statements if (m := CREATED.match(s)) and m["kind"] == kind}

    @property
    def triggers(self) -> dict[tuple[str, str], str]:
        """The statements that create triggers, by table and name."""
        return {(m["table"], m["name"]): s for s in self.statements if (m := TRIGGER.match(s))}

    def block(self, tag: str) -> str:
        """The DO statement with this tag, or nothing."""
        return next((s for s in self.statements if s.startswith(f"DO ${tag}$")), "")


@dataclass(frozen=True)
class Step:
    """A change of state, and how it is undone; undo is None where it cannot be."""

    name: str
    change: str
    undo: str | None
    losses: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Step:
        """Reads a file of migrations/: the change, a line `-- undo`, and what undoes it."""
        change, found, undo = path.read_text(encoding="utf-8").partition("\n-- undo")
        kind, _, undo = undo.partition("\n")
        if not found or kind.strip() not in ("", ": impossible"):
            raise StepError(f"{path.name} needs a line '-- undo', or '-- undo: impossible'")
        losses = tuple(re.findall(r"^-- loses: (.+?);?$", undo, re.M))
        return cls(path.name, change.strip(), None if kind.strip() else undo.strip(), losses)


def steps_between(directory: Path, old: str, new: str) -> list[Step]:
    """The steps from one version to the next, in their order."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        name = STEP_NAME.fullmatch(path.name)
        if name is None:
            raise StepError(f"{path.name} is not named <from>--<to>_<nn>_<what>.sql")
        if (name["old"], name["new"]) == (old, new):
            found.append(Step.read(path))
    return found


def upgrade_script(
    frame: str,
    *,
    extension: str,
    schema: str,
    kind: str,
    before: Version,
    after: Version,
    steps: Sequence[Step],
    undo: bool = False,
) -> str | None:
    """The statement that changes one version into the other; None where a step cannot be undone.

    kind: 'extension' or 'plain'. undo: whether the version after is the older one.
    """
    if undo and any(step.undo is None for step in steps):
        return None
    ordered = list(reversed(steps)) if undo else list(steps)
    obsolete_views, obsolete_types = _obsolete_relations(before, after)
    obsolete_routines = [
        signature for signature, head in before.routines.items() if after.routines.get(signature) != head
    ]
    obsolete_triggers = [
        (table, name)
        for (table, name), statement in before.triggers.items()
        if after.triggers.get((table, name)) != statement
    ]
    own = {signature.partition("(")[0] for signature in before.routines} | {
        name for created in ("TYPE", "VIEW") for name in before.created(created)
    }
    parts = {
        "extension": extension,
        "schema": schema,
        "kind": kind,
        "from": before.number,
        "to": after.number,
        "newer": before.number if undo else after.number,
        "own_names": "{" + ",".join(sorted(own)) + "}",
        "obsolete_routines": _array(obsolete_routines),
        "obsolete_relations": _array(obsolete_views + obsolete_types),
        "removed_tables": _array(before.created("TABLE").keys() - after.created("TABLE").keys()),
        "losses": "\n".join(_loss(query) for step in ordered for query in step.losses) if undo else "",
        "drops": "\n".join(
            [f"DROP TRIGGER IF EXISTS {name} ON {table};" for table, name in obsolete_triggers]
            + [f"DROP ROUTINE IF EXISTS {signature} CASCADE;" for signature in obsolete_routines]
            + [f"DROP VIEW IF EXISTS {name} CASCADE;" for name in obsolete_views]
            + [f"DROP TYPE IF EXISTS {name} CASCADE;" for name in obsolete_types]
        ),
        "steps": "\n\n".join(f"-- {step.name}\n{step.undo if undo else step.change}" for step in ordered),
        "redeployed": "\n\n".join(_redeployed(after, kind)),
        "policies": _policies(before, after),
    }
    return re.sub(r"@([a-z_]+)@", lambda found: parts[found[1]], frame)


# What locks a table against writing until the end: it is changed, filled, indexed, or referred to by a new foreign key.
LOCKS = re.compile(
    r"(?:ALTER TABLE|DROP TABLE|UPDATE|INSERT INTO|DELETE FROM|REFERENCES|INDEX\s+\w+\s+ON)"
    r"\s+(?:IF EXISTS\s+|ONLY\s+)*(?P<table>\w+\.\w+)"
)
# What reads or writes every row that is there.
TAKES_LONGER = re.compile(
    r"(?:(?:UPDATE|DELETE FROM|INDEX\s+\w+\s+ON)\s+|ALTER TABLE\s+(?:ONLY\s+)?"
    r"(?=\S+\s+(?:ADD CONSTRAINT|ALTER COLUMN \w+ (?:TYPE|SET NOT NULL))))(?P<table>\w+\.\w+)"
)


@dataclass(frozen=True)
class Locks:
    """What the steps of a release lock besides the record of the installation, until the end."""

    tables: frozenset[str]
    # Those of them where it takes longer the more rows there are.
    scanned: frozenset[str]
    # Whether the tables with policies are locked last, because policies are made anew.
    policies: bool

    @classmethod
    def of(cls, before: Version, after: Version, steps: Sequence[Step]) -> Locks:
        """Reads them from the steps; a table that a step makes keeps nobody waiting."""
        known = before.created("TABLE").keys()
        changes = [re.sub(r"--.*", "", step.change) for step in steps]
        triggers = {table for (table, _), s in before.triggers.items() if s not in after.triggers.values()}
        return cls(
            frozenset(known & ({m["table"] for change in changes for m in LOCKS.finditer(change)} | triggers)),
            frozenset(known & {m["table"] for change in changes for m in TAKES_LONGER.finditer(change)}),
            before.block("row_security") != after.block("row_security"),
        )


def conversion_script(frame: str, *, extension: str, schema: str, version: Version) -> str:
    """The statement that makes a plain installation of a version the extension."""
    members = [
        f"SCHEMA {schema}",
        *(f"{kind} {name}" for kind in ("TABLE", "TYPE", "VIEW") for name in version.created(kind)),
        *(f"ROUTINE {signature}" for signature in version.routines),
    ]
    array = ",\n        ".join(f"'{member}'" for member in members)
    parts = {
        "extension": extension,
        "schema": schema,
        "to": version.number,
        "members": f"ARRAY[\n        {array}\n    ]",
    }
    return re.sub(r"@([a-z_]+)@", lambda found: parts[found[1]], frame)


def _obsolete_relations(before: Version, after: Version) -> tuple[list[str], list[str]]:
    """The views and types that are made anew, because they changed or because they name something that did."""

    def changed(kind: str) -> set[str]:
        kept = after.created(kind)
        return {name for name, statement in before.created(kind).items() if kept.get(name) != statement}

    # A changed table is altered, which its row type bears and a view of it may not.
    tables, views, types = changed("TABLE"), changed("VIEW"), changed("TYPE")
    while True:
        found = len(views) + len(types)
        views |= {n for n, s in before.created("VIEW").items() if _names_any(s, tables | views | types)}
        types |= {n for n, s in before.created("TYPE").items() if _names_any(s, views | types)}
        if len(views) + len(types) == found:
            return sorted(views), sorted(types)


def _names_any(statement: str, names: set[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", statement) for name in names)


def _redeployed(after: Version, kind: str) -> Iterator[str]:
    """Every statement of a version that is not about the state of tables, so that it can be run over the one before."""
    for statement in after.statements:
        if ONLY_FRESH.match(statement):
            continue
        if statement.startswith("CREATE TYPE"):
            (name,) = re.findall(r"^CREATE TYPE ([\w.]+)", statement)
            yield f"IF to_regtype('{name}') IS NULL THEN\n{statement}\nEND IF;"
        elif trigger := TRIGGER.match(statement):
            exists = f"t.tgrelid = '{trigger['table']}'::regclass AND t.tgname = '{trigger['name']}'"
            yield f"IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE {exists}) THEN\n{statement}\nEND IF;"
        elif re.match(r"CREATE (FUNCTION|PROCEDURE|VIEW)\b", statement):
            yield statement.replace("CREATE ", "CREATE OR REPLACE ", 1)
        elif statement.startswith(("COMMENT ON ", "ALTER VIEW ")):
            yield statement
        elif statement.startswith("DO $configuration$"):
            if kind == "extension":
                yield statement
        else:
            raise StepError(f"it is not known how to repeat: {statement[:60]}")


DROP_POLICIES = """\
FOR _item IN
    SELECT format('DROP POLICY %I ON %I.%I', p.policyname, p.schemaname, p.tablename) AS statement
    FROM pg_policies AS p
    WHERE p.schemaname = _schema
    UNION ALL
    SELECT format('ALTER TABLE %I.%I DISABLE ROW LEVEL SECURITY', t.schemaname, t.tablename)
    FROM pg_tables AS t
    WHERE t.schemaname = _schema AND t.rowsecurity
LOOP
    EXECUTE _item.statement;
END LOOP;"""


def _policies(before: Version, after: Version) -> str:
    """Makes every policy anew where one of them changed."""
    policies = after.block("row_security")
    return "" if policies == before.block("row_security") else f"{DROP_POLICIES}\n{policies}"


def _array(names: Iterable[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in sorted(names))
    return f"ARRAY[{quoted}]::pg_catalog.text[]"


def _loss(query: str) -> str:
    found = f"(SELECT array_agg(l.loss) FROM ({query}) AS l (loss))"
    return f"_losses := _losses || coalesce({found}, '{{}}'::pg_catalog.text[]);"
