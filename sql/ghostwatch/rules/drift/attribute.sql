CREATE FUNCTION ghostwatch._attribute(
    branch_families text[],
    due bigint[],
    violations bigint[],
    baseline_rate double precision
)
RETURNS TABLE (
    branch_family text,
    trials bigint,
    violated bigint,
    excess double precision,
    p double precision,
    named boolean
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $_attribute$
    -- Which door the violations came through.
    -- Takes per branch family the trials since the change-point and how many are in violation, and the usual rate.
    -- Returns, the largest excess first: how many more than usual, the chance that a family fares so badly if it is like
    -- the others (after Holm; NULL where it or the others have fewer than five trials), and whether that makes the family worth naming.
    WITH family AS (
        SELECT
            f.branch_family,
            f.trials,
            f.violated,
            f.violated - f.trials * baseline_rate AS excess,
            sum(f.trials) OVER () - f.trials AS other_trials,
            sum(f.violated) OVER () - f.violated AS other_violated
        FROM ROWS FROM (
            unnest(_attribute.branch_families), unnest(_attribute.due), unnest(_attribute.violations)
        ) AS f (branch_family, trials, violated)
    ),
    -- The others' rate is only known as well as their counts tell it, starting from no knowledge at all.
    tested AS (
        SELECT
            array_agg(f.branch_family ORDER BY f.branch_family) AS branch_families,
            ghostwatch._holm(array_agg(
                ghostwatch._beta_binomial_upper(
                    f.violated, f.trials, 1 + f.other_violated::double precision, 1 + (f.other_trials - f.other_violated)::double precision
                )
                ORDER BY f.branch_family
            )) AS corrected
        FROM family AS f
        WHERE f.trials >= 5 AND f.other_trials >= 5
    )
    SELECT
        f.branch_family,
        f.trials,
        f.violated,
        f.excess,
        c.p,
        -- Strict, as the trials were not chosen by chance: something has just alarmed.
        coalesce(c.p < 0.001 AND f.excess > 0 AND f.excess >= 0.25 * sum(f.excess) OVER (), false)
    FROM family AS f
    LEFT JOIN LATERAL (
        SELECT t.corrected[array_position(t.branch_families, f.branch_family)] AS p FROM tested AS t
    ) AS c ON true
    ORDER BY f.excess DESC, f.violated DESC, f.branch_family
$_attribute$;

COMMENT ON FUNCTION ghostwatch._attribute(text[], bigint[], bigint[], double precision) IS
'Which branch families carry more violations than usual and than the others: excess, corrected chance, and whether to name them.';
