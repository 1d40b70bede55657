CREATE TABLE ghostwatch.check_progress (
    invariant_id integer PRIMARY KEY REFERENCES ghostwatch.invariant ON DELETE CASCADE,
    watermark timestamptz NOT NULL,
    checked_up_to timestamptz NOT NULL,
    catching_up_since timestamptz,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    failing_since timestamptz,
    last_error text,
    last_error_state text,
    skew interval,
    skew_seen_at timestamptz
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.check_progress IS
'How far the checks of each invariant have come; the row is the lock that keeps overlapping runs apart.';
COMMENT ON COLUMN ghostwatch.check_progress.watermark IS
'Every subject born up to this moment has been judged, and none can appear there any more.';
COMMENT ON COLUMN ghostwatch.check_progress.checked_up_to IS
'Subjects born up to this moment have been judged if they were visible; between watermark and checked_up_to, ghostwatch.checked_ahead holds their keys.';
COMMENT ON COLUMN ghostwatch.check_progress.catching_up_since IS
'When the checks were last up to date, while a backlog is being worked off; otherwise NULL.';
COMMENT ON COLUMN ghostwatch.check_progress.skew IS
'How far, at least, the birth of a subject lay before the start of its transaction when a check last saw that: a clock that is slow.';
