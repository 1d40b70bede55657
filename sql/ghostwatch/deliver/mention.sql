CREATE FUNCTION ghostwatch._mention(
    channel ghostwatch.channel,
    reason text,
    alert jsonb
)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $_mention$
    -- A mention reaches a person who has muted the chat, so it is for what somebody must act on now.
    SELECT
        CASE
            WHEN _mention.channel.mention IS NOT NULL
                AND _mention.alert ->> 'state' = 'firing'
                AND _mention.alert ->> 'kind' <> 'drill'
                AND (
                    _mention.reason = 'unacknowledged'
                    OR (_mention.reason IN ('opened', 'escalated', 'reopened') AND _mention.alert ->> 'severity' = 'error')
                )
                THEN jsonb_build_object('mention', to_jsonb(string_to_array(_mention.channel.mention, ' ')))
            ELSE '{}'
        END
$_mention$;

COMMENT ON FUNCTION ghostwatch._mention(ghostwatch.channel, text, jsonb) IS
'Whom a message mentions, as the part mention of its payload: those of the channel, in a new error and in an alert that nobody acknowledged elsewhere.
reason, alert: of the message; alert may be NULL.';
