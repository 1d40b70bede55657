CREATE FUNCTION ghostwatch.ghost_summary(
    contract text,
    invariant text,
    OUT warn_count bigint,
    OUT error_count bigint,
    OUT total bigint,
    OUT sample_keys text[],
    OUT branches jsonb
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $ghost_summary$
-- Read from the application's own tables, not from what the checks wrote down.
DECLARE
    as_of constant timestamptz := ghostwatch._clock();
    its_invariant_id constant integer := ghostwatch._invariant_id(contract, invariant);
    clause ghostwatch._clause;
BEGIN
    SELECT c.* INTO clause FROM ghostwatch._clause AS c WHERE c.invariant_id = its_invariant_id;
    PERFORM ghostwatch._require_runnable(contract);

    WITH ghost AS (
        SELECT
            j.*,
            as_of - j.born_at > clause.error_after AS is_error
        FROM unnest(ghostwatch._judge_born(
            clause,
            as_of - clause.watch_for - '1 microsecond'::interval,
            ghostwatch._due_up_to(clause, as_of),
            only_violated => true
        )) AS j
    )

    SELECT
        count(*) FILTER (WHERE NOT g.is_error),
        count(*) FILTER (WHERE g.is_error),
        count(*),
        coalesce((array_agg(g.subject_key ORDER BY g.born_at, g.subject_key))[1:5], '{}'),
        coalesce(
            (
                SELECT jsonb_agg(jsonb_build_object('family', f.branch_family, 'violations', f.violations) ORDER BY f.violations DESC, f.branch_family)
                FROM (SELECT b.branch_family, count(*) AS violations FROM ghost AS b GROUP BY b.branch_family) AS f
            ),
            '[]'
        )
    INTO warn_count, error_count, total, sample_keys, branches
    FROM ghost AS g;
END
$ghost_summary$;

COMMENT ON FUNCTION ghostwatch.ghost_summary(text, text) IS
'Who lacks the row of an invariant right now; reads the application''s tables and writes nothing.
warn_count: not exempt, without the row, and between warn_after and error_after old (both included; none without warn_after). error_count: older, up to and including watch_for. total: both.
sample_keys: up to five keys, oldest first. branches: [{"family": text, "violations": n}, ...], most first.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role).';
