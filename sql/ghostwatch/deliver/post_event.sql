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
-- Records an event for the admins, which is no alert, in the caller's transaction and without NOTIFY: notifying commits
-- take one lock of the whole database, which a signup must not wait for. A key is cut at 500 characters: an index holds
-- no longer one, and must refuse no signup.
DECLARE
    kept   jsonb := post_event.payload;
    posted bigint;
BEGIN
    IF coalesce(post_event.kind, '') = ''
        OR coalesce(post_event.subject_key, '') = ''
        OR jsonb_typeof(post_event.payload) IS DISTINCT FROM 'object'
    THEN
        RAISE EXCEPTION 'event % cannot be recorded', quote_nullable(post_event.kind)
        USING
            ERRCODE = 'GW042',
            DETAIL = format('subject_key is %s, payload is %s.',
                quote_nullable(post_event.subject_key), coalesce(jsonb_typeof(post_event.payload), 'NULL')),
            HINT = 'For example: SELECT ghostwatch.post_event(''user_started'', ''42'', ''{"name": "Anna", "new": true}'');';
    END IF;

    -- A name may be megabytes long, and is kept, gathered and read several times. Most events are short.
    IF pg_column_size(kept) > 2000 THEN
        SELECT coalesce(jsonb_object_agg(left(part.key, 100), left(part.value, 300)), '{}')
        INTO kept
        FROM (
            SELECT each.key, each.value
            FROM jsonb_each_text(post_event.payload) AS each
            LIMIT 50
        ) AS part;

        -- Numbers, flags and NULL keep their types.
        kept := kept || coalesce(
            (
                SELECT jsonb_object_agg(plain.key, plain.value)
                FROM jsonb_each(post_event.payload) AS plain
                WHERE jsonb_typeof(plain.value) IN ('boolean', 'number', 'null')
                    AND kept ? plain.key
                    AND pg_column_size(plain.value) < 100
            ),
            '{}'
        );
    END IF;

    INSERT INTO ghostwatch.event (kind, subject_key, payload, created_at)
    VALUES (left(post_event.kind, 100), left(post_event.subject_key, 500), kept, ghostwatch._clock())
    RETURNING event.event_id
    INTO posted;

    RETURN posted;
END
$post_event$;

COMMENT ON FUNCTION ghostwatch.post_event(text, text, jsonb) IS
'Records an event for the admins, which is no alert; it is sent with others within seconds.
kind: what happened, such as user_started. subject_key: to whom. payload: an object with what messages show: name, username, user_type, branch, language, new.
Events are counted by branch, or by its family in the contract that payload names in contract.
Returns the event''s number.
Raises GW042 (a malformed event).';
