CREATE FUNCTION ghostwatch._name_branches(
    clause ghostwatch._clause,
    judgements ghostwatch._judgement[]
)
RETURNS ghostwatch._judgement[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_name_branches$
-- An alert that names a branch says more than one about "other". But branches can be any number, and every family is
-- counted by the minute and watched by itself: so only the first ones that come have a family of their own.
DECLARE
    fresh text[];
    named text[];
BEGIN
    -- Asked first, since it is so in every run of a busy contract.
    IF (SELECT count(*) >= 30 FROM ghostwatch.branch_value AS b WHERE b.contract_id = clause.contract_id) THEN
        RETURN judgements;
    END IF;

    fresh := ARRAY(
        SELECT j.branch
        FROM unnest(judgements) AS j
        WHERE j.branch_family = 'other'
            AND NOT j.exempt_by_branch
            AND j.branch ~ '^[^\x01-\x1f\x7f]{1,60}$'
        GROUP BY j.branch
        ORDER BY min(j.born_at), j.branch
        LIMIT 30
    );
    IF fresh = '{}' THEN
        RETURN judgements;
    END IF;

    named := ghostwatch._add_branch_values(clause.contract_id, fresh);
    RETURN ARRAY(
        SELECT ROW(
            j.subject_key,
            j.born_at,
            CASE WHEN j.branch_family = 'other' AND j.branch = ANY (named) THEN j.branch ELSE j.branch_family END,
            j.exempt_by_branch,
            j.exempt_by_predicate,
            j.satisfied,
            j.violated,
            j.branch,
            j.error_state
        )::ghostwatch._judgement
        FROM unnest(judgements) AS j
    );
END
$_name_branches$;

COMMENT ON FUNCTION ghostwatch._name_branches(ghostwatch._clause, ghostwatch._judgement[]) IS
'Makes families of branches that no pattern groups, as long as a contract has few of them (30).';
