CREATE FUNCTION ghostwatch._shown_numbers(
    warn_count integer,
    error_count integer,
    sample_keys text[],
    branches jsonb,
    evidence jsonb
)
RETURNS jsonb
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_shown_numbers$
    -- With signups every second, the number of healthy subjects differs in every run; an edit for that would use up what a group may
    -- be sent in a minute.
    SELECT jsonb_build_object(
        'warn_count', warn_count,
        'error_count', error_count,
        'sample_keys', sample_keys,
        'branches', jsonb_path_query_array(branches, '$[*] ? (@.violations > 0).keyvalue() ? (@.key == "family" || @.key == "violations" || @.key == "named").value'),
        'evidence', evidence - '{rate,due,query}'::text[]
    )
$_shown_numbers$;

COMMENT ON FUNCTION ghostwatch._shown_numbers(integer, integer, text[], jsonb, jsonb) IS
'What a message about an alert shows, without denominators: two states of an alert that are equal in this need no edit.';
