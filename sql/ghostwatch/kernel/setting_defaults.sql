CREATE FUNCTION ghostwatch._setting_defaults()
RETURNS TABLE (
    name text,
    value_type regtype,
    default_value text,
    minimum text,
    maximum text,
    description text
)
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
ROWS 20
SET search_path = pg_catalog, pg_temp
AS $_setting_defaults$
-- (plpgsql, so that a session that runs checks again and again plans this once.)
BEGIN
    -- A thousand years stands for no limit: such a moment is still a valid timestamp.
    RETURN QUERY
    VALUES
        ('paused', 'boolean'::regtype, 'false', NULL, NULL,
            'While true, check runs do nothing. Changed by ghostwatch.pause() and ghostwatch.resume().'),
        ('check_period', 'interval', '1 minute', '1 second', '1000 years',
            'How often check runs are expected; after three periods without success they count as stopped. Changed by ghostwatch.schedule().'),
        ('exact_deadlines', 'boolean', 'true', NULL, NULL,
            'A scheduled run stays until the next one and checks again exactly when something is due. False: checks run once a period.'),
        ('batch_size', 'integer', '10000', '1', NULL,
            'How many subjects a check judges in one statement, and how many old rows of a table a run removes.'),
        ('run_budget', 'interval', '45 seconds', '1 second', '1000 years',
            'A check run starts no further check after this time; the next run continues.'),
        ('longest_unseen_transaction', 'interval', '10 minutes', '0', '1000 years',
            'How long a transaction of another server takes at most to appear, with the delay of replication, or a materialized view to be refreshed. Checks of foreign tables, subscriptions and materialized views read again this far back.'),
        ('lock_wait', 'interval', '5 seconds', '1 millisecond', '1 hour',
            'How long a check waits for a lock on a table before it gives up until the next run.'),
        ('lock_timeout', 'interval', '200 milliseconds', '1 millisecond', '1 hour',
            'How long a statement that locks an application''s table waits each time; writers of the table wait behind it.'),
        ('lock_attempts', 'integer', '10', '1', '1000',
            'How often such a statement is tried, with growing pauses, before it fails.'),
        ('update_interval', 'interval', '1 minute', '0', '1000 years',
            'A message in the chat is edited at most this often.'),
        ('repeat_interval', 'interval', '4 hours', '1 second', '1000 years',
            'An alert that keeps firing and is not acknowledged is repeated this often.'),
        ('resolve_after', 'interval', '5 minutes', '0', '1000 years',
            'An alert of the rule threshold resolves after nothing was wrong for this long.'),
        ('reopen_within', 'interval', '30 minutes', '0', '1000 years',
            'An alert that fires again this soon after it was resolved continues the same incident.'),
        ('event_interval', 'interval', '15 seconds', '0', '1000 years',
            'Events that occur sooner after the last message about events are collected in the next one.'),
        ('chat_interval', 'interval', '1 second', '0', '1000 years',
            'Two messages to one chat are at least this far apart.'),
        ('group_messages_per_minute', 'integer', '20', '1', NULL,
            'A group gets at most this many messages a minute, at most half of them edits; Telegram allows 20.'),
        ('messages_per_second', 'integer', '30', '1', NULL,
            'All chats together get at most this many messages a second; Telegram allows a bot 30.'),
        ('keep_check_runs', 'interval', '7 days', '1 hour', '1000 years',
            'How long the history of check runs is kept.'),
        ('keep_branch_minutes', 'interval', '90 days', '1 day', '1000 years',
            'How long the counts per minute and branch family are kept; baselines and backtests read them.'),
        ('keep_closed_violations', 'interval', '90 days', '1 hour', '1000 years',
            'How long violations are kept after they recovered or expired.'),
        ('keep_events', 'interval', '1 day', '1 hour', '1000 years',
            'How long events are kept after they went into a notification; no less than contracts that require one watch for it.'),
        ('keep_notifications', 'interval', '30 days', '1 hour', '1000 years',
            'How long notifications are kept after they were sent, suppressed or given up.'),
        ('keep_alerts', 'interval', '1 year', '1 day', '1000 years',
            'How long alerts are kept after they were resolved, silences after they ended, and deploy markers.'),
        ('keep_sidecars', 'interval', '1 day', '5 minutes', '1000 years',
            'How long a sidecar that reports no longer stays in the list.'),
        ('page_sample_keys', 'boolean', 'false', NULL, NULL,
            'While true, the page and the roles of grant_viewer() see sample keys of subjects, and errors of checks in full.');
END
$_setting_defaults$;

COMMENT ON FUNCTION ghostwatch._setting_defaults() IS
'Every setting, in the order in which the settings are shown, with its type, default, minimum and maximum (NULL: none).';
