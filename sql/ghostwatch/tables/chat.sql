CREATE TABLE ghostwatch.chat (
    chat_id bigint PRIMARY KEY,
    next_send_at timestamptz NOT NULL DEFAULT '-infinity',
    held_until timestamptz,
    recent_sends timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

COMMENT ON TABLE ghostwatch.chat IS
'The pace of each Telegram chat. Telegram counts by chat, so the channels that are topics of one group share it.';
COMMENT ON COLUMN ghostwatch.chat.next_send_at IS
'No sidecar sends to this chat before this moment: pace, and what the server asked for.';
COMMENT ON COLUMN ghostwatch.chat.held_until IS
'Until when the server asked for nothing to be sent; it may be past.';
COMMENT ON COLUMN ghostwatch.chat.recent_sends IS
'When the last messages went out, oldest first; as many as the longest window needs.';
