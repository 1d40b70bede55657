CREATE FUNCTION onboarding._outlasts_the_log(
    deep_link text,
    user_id bigint
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_outlasts_the_log$
-- One that shares a meme and is not in the log is older than the log, and stays.
DECLARE
    shares_a_meme constant text := '^[sm]_[0-9]+_[0-9]+$';
BEGIN
    RETURN (
        SELECT
            CASE
                WHEN count(l.deep_link) = 0 THEN true
                WHEN _outlasts_the_log.deep_link ~ shares_a_meme THEN coalesce(
                    min(l.id) FILTER (WHERE l.deep_link = _outlasts_the_log.deep_link)
                    = min(l.id) FILTER (WHERE l.deep_link ~ shares_a_meme),
                    true
                )
                ELSE
                    max(l.id) FILTER (WHERE l.deep_link = _outlasts_the_log.deep_link)
                    = max(l.id) FILTER (WHERE l.deep_link IS NOT NULL)
                    AND bool_and(l.deep_link !~ shares_a_meme)
            END
        FROM public.user_deep_link_log AS l
        WHERE l.user_id = _outlasts_the_log.user_id
    );
END
$_outlasts_the_log$;

COMMENT ON FUNCTION onboarding._outlasts_the_log(text, bigint) IS
'Whether a link is the one to keep of all that were logged for a user: the first that shares a meme, else the last.
Part of the clause kept_deep_link. Takes the link that is kept, or NULL.';
