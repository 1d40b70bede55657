CREATE FUNCTION ghostwatch._doctor_clocks()
RETURNS SETOF ghostwatch._finding
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_doctor_clocks$
-- Whether birth times lie in the future: clocks of application servers differ, or a time zone was declared wrongly.
-- Looks only at contracts of this role, since a subject may be a view, which runs what its owner wrote,
-- and only where an index leads to the youngest row.
DECLARE
    as_of        constant timestamptz := ghostwatch._clock();
    watched      record;
    birth        text;
    youngest     timestamptz;
    is_well      boolean := true;
BEGIN
    FOR watched IN
        SELECT
            c.name,
            c.subject,
            n.nspname,
            r.relname,
            c.born_at_column,
            c.time_zone
        FROM ghostwatch.contract AS c
        INNER JOIN pg_class AS r
            ON r.oid = c.subject
            AND r.relkind IN ('r', 'p')
        INNER JOIN pg_namespace AS n
            ON n.oid = r.relnamespace
        WHERE c.owner = quote_ident(current_user)::regrole
            AND ghostwatch._index_advice(c.subject, c.born_at_column, ARRAY['btree']::name[], false) IS NULL
        ORDER BY c.name
    LOOP
        EXECUTE format(
            'SELECT max(s.%1$I)::text FROM %2$I.%3$I AS s WHERE s.%1$I < ''infinity''',
            watched.born_at_column,
            watched.nspname,
            watched.relname
        )
        INTO birth;
        youngest := CASE
            WHEN watched.time_zone IS NULL THEN birth::timestamptz
            ELSE birth::timestamp AT TIME ZONE watched.time_zone
        END;

        IF youngest > as_of THEN
            is_well := false;
            RETURN QUERY
            SELECT
                'clocks',
                'warning',
                format('The youngest row of %s was born %s from now. It is judged when that comes.', watched.subject, date_trunc('second', youngest - as_of)),
                format(
                    'SELECT ghostwatch.declare_contract(%L, %L, capture => true, …); -- or set the clocks of the application''s servers%s',
                    watched.name, watched.subject, ', or the time_zone (now ' || watched.time_zone || ')'
                );
        END IF;
    END LOOP;

    IF is_well THEN
        RETURN QUERY
        SELECT 'clocks', 'ok', 'No birth time lies in the future.', NULL::text;
    END IF;
END
$_doctor_clocks$;

COMMENT ON FUNCTION ghostwatch._doctor_clocks() IS
'The doctor on clocks that differ: birth times in the future, in the contracts of this role.';
