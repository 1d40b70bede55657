CREATE FUNCTION ghostwatch.post_event(
    kind text,
    subject_key text,
    payload jsonb
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer, so that an application's role needs no right on the outbox.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $post_event$
-- Leaves something to tell the admins that is no alert, in the caller's transaction and without NOTIFY:
-- notifying commits take one lock of the whole database, which a signup must not wait for.
-- Takes what happened (user_started), to whom, and what to say of it: name, username, user_type,
-- deep_link, branch (a family, since events are counted by it) or the contract that has its families, language, new.
-- Returns the event's number.
-- Raises GW042 for an event without kind or subject, or whose payload is no object.
DECLARE
    posted bigint;
BEGIN
    IF coalesce(post_event.kind, '') = ''
        OR coalesce(post_event.subject_key, '') = ''
        OR jsonb_typeof(post_event.payload) IS DISTINCT FROM 'object'
    THEN
        RAISE EXCEPTION 'event % cannot be told', quote_nullable(post_event.kind)
        USING
            ERRCODE = 'GW042',
            DETAIL = format('subject_key is %s, payload is %s.',
                quote_nullable(post_event.subject_key), coalesce(jsonb_typeof(post_event.payload), 'NULL')),
            HINT = 'For example: SELECT ghostwatch.post_event(''user_started'', ''42'', ''{"name": "Anna", "new": true}'');';
    END IF;

    INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at)
    VALUES (post_event.kind, post_event.subject_key, post_event.payload, ghostwatch._clock())
    RETURNING event.event_id
    INTO posted;

    RETURN posted;
END
$post_event$;

COMMENT ON FUNCTION ghostwatch.post_event(text, text, jsonb) IS
'Leaves something to tell the admins that is no alert; it goes out with others, within seconds. Raises GW042 for a malformed event.';
