CREATE FUNCTION ghostwatch._birth_problem(
    contract ghostwatch.contract
)
RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $_birth_problem$
-- A wrong time zone makes every check look past the subjects: births hours ahead are not due yet, births hours behind are
-- older than watch_for when they come. So the newest ones are compared with the database's clock, however old they are.
-- Behind means something only where subjects came one after the other, and then none for much longer.
-- Looks only where an index leads to the newest ones.
-- Names of columns and tables only are put into the query: @plpgsql_check_options: security_warnings = false
DECLARE
    clause constant ghostwatch._clause := jsonb_populate_record(NULL::ghostwatch._clause, to_jsonb(contract));
    as_of constant timestamptz := ghostwatch._clock();
    enough constant integer := 20;
    births timestamptz[];
    time_ahead interval;
    time_behind interval;
BEGIN
    IF contract.capture
        OR contract.born_at_expression IS NOT NULL
        OR NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = contract.subject AND r.relkind IN ('r', 'p'))
        OR ghostwatch._index_advice(contract.subject, ARRAY[contract.born_at_column], '{btree}', false) IS NOT NULL THEN
        RETURN NULL;
    END IF;

    EXECUTE format(
        'SELECT ARRAY(SELECT %1$s FROM %2$s AS s WHERE s.%3$I < ''infinity'' AND s.%3$I > ''-infinity'' ORDER BY s.%3$I DESC LIMIT %4$s)',
        ghostwatch._written_birth(clause), contract.subject, contract.born_at_column, enough
    )
    INTO births;
    time_ahead := births[1] - as_of;
    time_behind := as_of - births[1];

    IF time_ahead >= '25 minutes' OR (
        time_behind BETWEEN '25 minutes' AND '15 hours'
        AND births[1] > births[enough]
        AND time_behind > 10 * (births[1] - births[enough])
    ) THEN
        RETURN format(
            'Births in %s look %s hours %s: time zone? The newest is %s, the database''s clock says %s, and births %s.',
            contract.subject,
            (round(extract(EPOCH FROM greatest(time_ahead, time_behind)) / 900) / 4)::double precision,
            CASE WHEN time_ahead > '0' THEN 'ahead' ELSE 'behind' END,
            births[1]::timestamptz(0),
            as_of::timestamptz(0),
            coalesce('are read in the time zone ' || contract.time_zone, 'carry their time zone')
        );
    END IF;

    RETURN NULL;
END
$_birth_problem$;

COMMENT ON FUNCTION ghostwatch._birth_problem(ghostwatch.contract) IS
'In words, by how much the newest births of a contract differ from the database''s clock; NULL where they do not, or cannot be looked at cheaply.';
