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
    -- The rate of the others is only known as well as their counts say, so the test is a beta-binomial one.
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
    -- The prior of the others' rate is uniform.
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
        -- Strict, as the trials are not a random sample: something has just alarmed.
        coalesce(c.p < 0.001 AND f.excess > 0 AND f.excess >= 0.25 * sum(f.excess) OVER (), false)
    FROM family AS f
    LEFT JOIN LATERAL (
        SELECT t.corrected[array_position(t.branch_families, f.branch_family)] AS p FROM tested AS t
    ) AS c ON true
    ORDER BY f.excess DESC, f.violated DESC, f.branch_family
$_attribute$;

COMMENT ON FUNCTION ghostwatch._attribute(text[], bigint[], bigint[], double precision) IS
'Which branch families have more violations than baseline_rate gives and than the others have, the largest excess first.
excess: violations above the expected number. p: the probability that a family like the others has so many, after Holm (NULL where it or the others have fewer than five trials). named: whether messages name the family.';
