"""Every statement that the sidecar sends. Each one calls a function; none builds a query."""

from typing import Final, LiteralString

Query = LiteralString

# What may be sent now, at most one notification per chat; ours until the lease ends.
CLAIM: Final[Query] = (
    "SELECT * FROM ghostwatch.claim_notifications(%(worker)s, %(max_rows)s, make_interval(secs => %(lease)s))"
)
# How long until there may be something to claim; NULL while nothing waits.
REST: Final[Query] = "SELECT extract(EPOCH FROM ghostwatch.outbox_rest())::float8 AS seconds"

# How it went.
SENT: Final[Query] = "SELECT ghostwatch.notification_sent(%(notification_id)s, %(worker)s, %(message_id)s)"
RETRY: Final[Query] = (
    "SELECT ghostwatch.notification_retry("
    "%(notification_id)s, %(worker)s, %(error)s, make_interval(secs => %(retry_after)s))"
)
FAILED: Final[Query] = (
    "SELECT ghostwatch.notification_failed(%(notification_id)s, %(worker)s, %(error)s, %(disable_channel)s)"
)

# What Telegram told us about a chat.
MIGRATED: Final[Query] = "SELECT ghostwatch.channel_migrated(%(old_chat_id)s, %(new_chat_id)s)"
TOPIC_LOST: Final[Query] = "SELECT ghostwatch.channel_topic_lost(%(channel)s, %(thread_id)s)"

# Somebody pressed a button under an alert; what to answer.
PRESS: Final[Query] = (
    "SELECT ghostwatch.press_button(%(chat_id)s, %(user_id)s, %(user_name)s, %(action)s, %(alert_id)s) AS answer"
)

# Where a channel leads, for a test message.
ADDRESS: Final[Query] = "SELECT * FROM ghostwatch.channel_address(%(channel)s)"

# We live; how are the outbox and the checks?
HEARTBEAT: Final[Query] = (
    "SELECT * FROM ghostwatch.sidecar_heartbeat(%(worker)s, %(version)s, %(listening)s, %(problem)s)"
)
# We stop on purpose.
STOPPED: Final[Query] = "SELECT ghostwatch.sidecar_stopped(%(worker)s)"

# Whoever has stopped cannot say so: has it been too long since a check succeeded?
WATCH_CHECKS: Final[Query] = "SELECT ghostwatch.watch_checks()"

# Wake-ups, and a wake-up to ourselves that proves that they arrive.
LISTEN: Final[Query] = "LISTEN ghostwatch"
PING: Final[Query] = "SELECT pg_notify('ghostwatch', %(payload)s)"

# Only where no pg_cron does it.
RUN_CHECKS: Final[Query] = "CALL ghostwatch.run_checks()"
