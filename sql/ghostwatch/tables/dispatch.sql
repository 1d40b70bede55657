CREATE TABLE ghostwatch.dispatch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_send_at timestamptz NOT NULL DEFAULT '-infinity',
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    buttons_reader text,
    buttons_reader_until timestamptz
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.dispatch IS
'What all sidecars of one bot share, in one row, which is also the lock under which they claim.';
COMMENT ON COLUMN ghostwatch.dispatch.next_send_at IS
'When the next message may go out, so that all sidecars together keep to messages_per_second.';
COMMENT ON COLUMN ghostwatch.dispatch.held_until IS
'Until when Telegram wants no message at all from this bot.';
COMMENT ON COLUMN ghostwatch.dispatch.buttons_reader IS
'The sidecar that reads which buttons are pressed; another one takes over after buttons_reader_until.';
