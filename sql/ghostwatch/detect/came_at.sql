CREATE FUNCTION ghostwatch._came_at(
    clause ghostwatch._clause
)
RETURNS text
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_came_at$
    -- A time without a zone is read in the zone of the births.
    SELECT format(
        'SELECT %1$s FROM %2$s ORDER BY 1 OFFSET %3$s LIMIT 1',
        CASE ghostwatch._column_type((clause).related, (clause).related_at_column)
            WHEN 'timestamp without time zone' THEN format('r.%I AT TIME ZONE %L', (clause).related_at_column, coalesce((clause).time_zone, 'UTC'))
            ELSE format('r.%I', (clause).related_at_column)
        END,
        ghostwatch._related_rows(clause),
        (clause).at_least - 1
    )
$_came_at$;

COMMENT ON FUNCTION ghostwatch._came_at(ghostwatch._clause) IS
'SQL for the moment when the last of the rows came that the subject s must have; NULL if it never did.';
