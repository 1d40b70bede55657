CREATE FUNCTION ghostwatch.backtest(
    contract text,
    invariant text,
    from_time timestamptz DEFAULT NULL,
    to_time timestamptz DEFAULT NULL,
    settings jsonb DEFAULT '{}'
)
RETURNS SETOF ghostwatch._replayed_alert
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $backtest$
-- Every moment that a replay computes from the given ones must be a valid timestamp.
DECLARE
    end_at   constant timestamptz := coalesce(to_time, ghostwatch._clock());
    begin_at timestamptz;
BEGIN
    PERFORM ghostwatch._require_runnable(contract);

    IF NOT end_at BETWEEN '0001-02-01 00:00+00' AND '9999-12-31 00:00+00' THEN
        begin_at := from_time;
    ELSE
        begin_at := coalesce(from_time, end_at - '30 days'::interval);
    END IF;
    IF (begin_at >= '0001-01-01 00:00+00' AND begin_at < end_at AND end_at <= '9999-12-31 00:00+00') IS NOT TRUE THEN
        RAISE EXCEPTION 'invalid time for a backtest of invariant %', quote_nullable(invariant)
            USING ERRCODE = 'GW029',
                  DETAIL = format(
                      'It would begin at %s and end at %s; the begin must come before the end, and both lie in the years 1 to 9999.',
                      coalesce(begin_at::text, 'NULL'), end_at
                  ),
                  HINT = format('SELECT * FROM ghostwatch.backtest(%L, %L, now() - ''7 days''::interval, now())', contract, invariant);
    END IF;

    RETURN QUERY
    SELECT r.*
    FROM ghostwatch._replay(
        ghostwatch._replayed_rule(ghostwatch._invariant_id(contract, invariant), settings),
        begin_at,
        end_at
    ) AS r;
END
$backtest$;

COMMENT ON FUNCTION ghostwatch.backtest(text, text, timestamptz, timestamptz, jsonb) IS
'The alerts that a rule would have made in the past (by default the last 30 days), with any of the settings of declare_invariant() changed:
SELECT * FROM ghostwatch.backtest(''onboarding'', ''first_meme'', settings => ''{"rule": "drift"}'').
It reads the application''s own rows where related_at_column is declared, otherwise the recorded counts. violations, due: subjects from the change-point to the end of the alert; exempt are those that are exempt now. messages: to one channel, none acknowledged. Writes nothing.
Raises GW001 (no such contract), GW007 (no such invariant), GW020 (belongs to another role), GW029 (invalid time), GW037 (settings), GW038 (a deadline for which nothing was counted), GW039 (too many subjects).';
