CREATE FUNCTION ghostwatch.unsilence(
    silence_id bigint,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $unsilence$
BEGIN
    PERFORM ghostwatch._require_contract_owner(c.contract_id, role => ghostwatch._caller(credential))
    FROM ghostwatch.silence AS s
    INNER JOIN ghostwatch.contract AS c
        ON c.name = s.contract
    WHERE s.silence_id = unsilence.silence_id;

    UPDATE ghostwatch.silence AS s
    SET
        ends_at = ghostwatch._clock(),
        ended_by = session_user
    WHERE s.silence_id = unsilence.silence_id
        AND s.ends_at > ghostwatch._clock();

    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no silence % to end', coalesce(silence_id::text, 'NULL')
            USING ERRCODE = 'GW036',
                  DETAIL = coalesce(
                      (SELECT format('It ended at %s.', s.ends_at) FROM ghostwatch.silence AS s WHERE s.silence_id = unsilence.silence_id),
                      'No silence has this number.'
                  ),
                  HINT = 'SELECT * FROM ghostwatch.silence ORDER BY silence_id DESC';
    END IF;
END
$unsilence$;

COMMENT ON FUNCTION ghostwatch.unsilence(bigint, uuid) IS
'Ends a silence early; the next check run announces the alerts that still fire.
Raises GW008 (the contract belongs to another role), GW036 (no silence of this number is in force).';
