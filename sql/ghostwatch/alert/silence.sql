CREATE FUNCTION ghostwatch.silence(
    contract text,
    invariant text DEFAULT NULL,
    branch text DEFAULT NULL,
    duration interval DEFAULT '1 hour',
    by text DEFAULT current_user,
    comment text DEFAULT NULL,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one checks whose they are.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $silence$
-- Messages are recorded as suppressed; when the silence ends, an alert that still fires is announced. A silence of a branch family
-- silences an alert only if every family that the alert is about is silenced.
DECLARE
    its_contract_id integer := ghostwatch._contract_id(contract);
    as_of constant timestamptz := ghostwatch._clock();
    families text[];
    new_silence_id bigint;
    silenced bigint;
BEGIN
    PERFORM ghostwatch._require_contract_owner(its_contract_id, role => ghostwatch._caller(credential));

    IF invariant IS NOT NULL THEN
        PERFORM ghostwatch._invariant_id(contract, invariant);
    END IF;

    SELECT array_agg(DISTINCT f.family ORDER BY f.family) INTO families
    FROM (
        VALUES ('none'), ('other')
        UNION ALL
        SELECT b.family FROM ghostwatch.branch_family AS b WHERE b.contract_id = its_contract_id
        UNION ALL
        SELECT v.branch FROM ghostwatch.branch_value AS v WHERE v.contract_id = its_contract_id
    ) AS f (family);

    IF branch <> ALL (families) THEN
        RAISE EXCEPTION 'contract % has no branch family %', quote_literal(contract), quote_literal(branch)
            USING ERRCODE = 'GW033',
                  DETAIL = format('Its families: %s.', array_to_string(families, ', ')),
                  HINT = format('SELECT ghostwatch.declare_branch_family(%L, ''pattern'', %L)', contract, branch);
    END IF;

    IF (duration > '0' AND duration <= '1000 years') IS NOT TRUE THEN
        RAISE EXCEPTION 'a silence of contract % needs an end', quote_literal(contract)
            USING ERRCODE = 'GW034',
                  DETAIL = format('The duration given is %s.', coalesce(duration::text, 'NULL')),
                  HINT = format('SELECT ghostwatch.silence(%L, duration => ''1 hour'')', contract);
    END IF;

    IF coalesce(by, '') = '' THEN
        RAISE EXCEPTION 'a silence of contract % needs an author', quote_literal(contract)
            USING ERRCODE = 'GW035',
                  DETAIL = format('The name given is %s.', quote_nullable(by)),
                  HINT = format('SELECT ghostwatch.silence(%L, by => %L)', contract, session_user);
    END IF;

    INSERT INTO ghostwatch.silence (contract, invariant, branch, starts_at, ends_at, created_by, comment)
    VALUES (contract, invariant, branch, as_of, as_of + duration, by, coalesce(nullif(comment, ''), 'no reason given'))
    RETURNING silence_id INTO new_silence_id;

    -- The messages of these alerts show the silence.
    FOR silenced IN
        UPDATE ghostwatch.alert AS a
        SET silence_id = new_silence_id
        WHERE a.state = 'firing'
            AND ghostwatch._silence_in_force(a.contract, a.invariant, a.branches, as_of) = new_silence_id
        RETURNING a.alert_id
    LOOP
        PERFORM ghostwatch._enqueue(silenced, 'updated', as_of);
    END LOOP;

    RETURN new_silence_id;
END
$silence$;

COMMENT ON FUNCTION ghostwatch.silence(text, text, text, interval, text, text, uuid) IS
'Suppresses new messages about the alerts of a contract, an invariant (NULL: all) or a branch family (NULL: all) until the duration is over. Returns the number of the silence.
Raises GW001 (no such contract), GW007 (no such invariant), GW008 (the contract belongs to another role), GW033 (no such branch family), GW034 (no valid duration), GW035 (no name given).';
