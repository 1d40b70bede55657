CREATE PROCEDURE ghostwatch._perform_repairs(
    its_invariant_id integer,
    since timestamptz,
    only_errors boolean,
    at_most integer,
    ends_at timestamptz,
    INOUT repaired integer DEFAULT 0,
    INOUT still_broken integer DEFAULT 0,
    INOUT failed integer DEFAULT 0,
    INOUT stopped boolean DEFAULT false
)
LANGUAGE plpgsql
AS $_perform_repairs$
-- Each call commits, so that one that fails undoes only itself, and one that is slow holds the locks of one subject only. The clause
-- is asked after every hundred. Any number may run at once.
-- (No SET clause and no definer's rights: either would forbid the commits. So every name is qualified here.)
DECLARE
    clause ghostwatch._clause;
    repairing pg_catalog.text;
    broken record;
    batch record;
    verified record;
    first_place pg_catalog.int4 := 1;
    ended_with pg_catalog.text;
BEGIN
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id OPERATOR(pg_catalog.=) its_invariant_id;
    repairing := ghostwatch._repairing_query(clause);
    SELECT b.subject_keys, b.opened_at INTO broken FROM ghostwatch._broken_violations(its_invariant_id, since, only_errors, at_most) AS b;

    LOOP
        SELECT
            pg_catalog.array_agg(b.subject_key) AS subject_keys,
            pg_catalog.array_agg(b.opened_at) AS opened_at
        INTO batch
        FROM ghostwatch._still_broken(
            clause,
            broken.subject_keys[first_place : first_place OPERATOR(pg_catalog.+) 99],
            broken.opened_at[first_place : first_place OPERATOR(pg_catalog.+) 99]
        ) AS b;
        first_place := first_place OPERATOR(pg_catalog.+) 100;

        FOR place IN 1 .. coalesce(pg_catalog.cardinality(batch.subject_keys), 0) LOOP
            ended_with := ghostwatch._repair_subject(clause, repairing, batch.subject_keys[place], batch.opened_at[place]);
            PERFORM ghostwatch._relax_commit();
            COMMIT;
            failed := failed OPERATOR(pg_catalog.+) coalesce((ended_with OPERATOR(pg_catalog.<>) '00000')::integer, 0);
            stopped := coalesce(ended_with OPERATOR(pg_catalog.=) '57014', false);
            EXIT WHEN stopped OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) ends_at;
        END LOOP;

        verified := ghostwatch._verify_repairs(clause);
        PERFORM ghostwatch._relax_commit();
        COMMIT;
        repaired := repaired OPERATOR(pg_catalog.+) verified.repaired;
        still_broken := still_broken OPERATOR(pg_catalog.+) verified.still_broken;

        EXIT WHEN stopped
            OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) ends_at
            OR first_place OPERATOR(pg_catalog.>) pg_catalog.cardinality(broken.subject_keys);
    END LOOP;
END
$_perform_repairs$;

COMMENT ON PROCEDURE ghostwatch._perform_repairs (integer, timestamptz, boolean, integer, timestamptz, integer, integer, integer, boolean) IS
'Repairs violations of an invariant of this role: those of ghostwatch._broken_violations() that still break the clause, until ends_at.
Returns how many are repaired, which the clause says; how many still lack what they lacked; how many repairs failed; and whether it was cancelled. Raises GW024, GW066, GW067, GW069.';
