CREATE FUNCTION ghostwatch._prune(
    as_of timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: check runs call it as operators, who delete nothing of others.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $_prune$
-- At most batch_size rows of each table, so that no run takes long. What is open, firing or waiting to be sent is kept however old
-- it is.
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT
            o.relation,
            o.condition,
            -- A caller cannot make anything older than it is.
            least(as_of, ghostwatch._clock()) - ghostwatch._setting(o.setting)::interval AS before
        FROM (
            VALUES
                ('ghostwatch.check_run'::regclass, 'keep_check_runs', 'r.started_at < $1'),
                -- By each invariant, so that the primary key finds the oldest minutes.
                ('ghostwatch.branch_minute', 'keep_branch_minutes',
                    'r.invariant_id = ANY (ARRAY(SELECT i.invariant_id FROM ghostwatch.invariant AS i)) AND r.minute < $1'),
                ('ghostwatch.violation', 'keep_closed_violations', 'r.closed_at < $1'),
                ('ghostwatch.event', 'keep_events', 'r.gathered_at < $1'),
                -- Later messages of a firing alert edit its earlier ones or reply to them.
                ('ghostwatch.notification', 'keep_notifications',
                    'r.created_at < $1 AND r.state NOT IN (''pending'', ''claimed'') AND NOT EXISTS ('
                    'SELECT FROM ghostwatch.alert AS a WHERE a.alert_id = r.alert_id AND a.state = ''firing'')'),
                ('ghostwatch.alert', 'keep_alerts', 'r.state = ''resolved'' AND r.resolved_at < $1'),
                ('ghostwatch.silence', 'keep_alerts', 'r.ends_at < $1'),
                ('ghostwatch.maintenance', 'keep_alerts', 'r.summarized_at < $1'),
                ('ghostwatch.mark', 'keep_alerts', 'r.marked_at < $1'),
                ('ghostwatch.button_press', 'keep_alerts', 'r.pressed_at < $1'),
                ('ghostwatch.sidecar', 'keep_sidecars', 'r.seen_at < $1')
        ) AS o (relation, setting, condition)
    LOOP
        -- Rows that another run is removing are skipped.
        EXECUTE format(
            'DELETE FROM %1$s AS d WHERE d.ctid = ANY (ARRAY('
            'SELECT r.ctid FROM %1$s AS r WHERE %2$s LIMIT $2 FOR UPDATE OF r SKIP LOCKED))',
            old.relation,
            old.condition
        )
        USING old.before, ghostwatch._setting('batch_size')::integer;
    END LOOP;
END
$_prune$;

COMMENT ON FUNCTION ghostwatch._prune(timestamptz) IS
'Removes what is older than its retention setting, at most batch_size rows of each table.';
