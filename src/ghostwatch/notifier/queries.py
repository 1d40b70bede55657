"""Every statement that the sidecar sends. Each one calls a function; none builds a query."""

from collections.abc import Mapping
from typing import Final, LiteralString

Query = LiteralString

# What may be sent now, at most one notification per chat; ours until the lease ends, or longer if it is renewed.
CLAIM: Final[Query] = (
    "SELECT * FROM ghostwatch.claim_notifications(%(worker)s, %(max_rows)s, make_interval(secs => %(lease)s))"
)
RENEW: Final[Query] = (
    "SELECT ghostwatch.renew_claims(%(notification_ids)s::bigint[], %(worker)s, make_interval(secs => %(lease)s))"
)
# How long until there may be something to claim; NULL while nothing waits.
NEXT_DUE: Final[Query] = "SELECT extract(EPOCH FROM ghostwatch.next_due_in())::float8 AS seconds"

# How fast messages may follow each other.
PACE: Final[Query] = "SELECT * FROM ghostwatch.message_pace()"

# What would be sent from now on, as JSON; nothing is claimed.
PREVIEW: Final[Query] = "SELECT p AS message FROM ghostwatch.preview_notifications() AS p"

# How it went, by the outcome's name.
SENT: Final[Query] = "SELECT ghostwatch.notification_sent(%(notification_id)s, %(worker)s, %(message_id)s)"
RETRY: Final[Query] = (
    "SELECT ghostwatch.notification_retry(%(notification_id)s, %(worker)s, %(error)s, "
    "make_interval(secs => %(retry_after)s), %(waits_for)s, %(unconfirmed)s)"
)
FAILED: Final[Query] = "SELECT ghostwatch.notification_failed(%(notification_id)s, %(worker)s, %(error)s, false)"
CHANNEL_CLOSED: Final[Query] = "SELECT ghostwatch.notification_failed(%(notification_id)s, %(worker)s, %(error)s, true)"
OUTCOME: Final[Mapping[str, Query]] = {
    "sent": SENT,
    "wait": RETRY,
    "retry": RETRY,
    "failed": FAILED,
    "channel_closed": CHANNEL_CLOSED,
}

# What Telegram said about itself, or about a chat.
MESSENGER_BACK: Final[Query] = "SELECT ghostwatch.messenger_back()"
HOLD: Final[Query] = "SELECT ghostwatch.hold_all_chats(make_interval(secs => %(seconds)s))"
MIGRATED: Final[Query] = "SELECT ghostwatch.channel_migrated(%(old_chat_id)s, %(new_chat_id)s)"
TOPIC_LOST: Final[Query] = "SELECT ghostwatch.channel_topic_lost(%(channel)s, %(thread_id)s, %(state)s)"

# Which of the sidecars reads the buttons.
LEAD: Final[Query] = "SELECT ghostwatch.lead_buttons(%(worker)s, make_interval(secs => %(lease)s)) AS leads"
# A button under an alert was pressed; what to answer.
PRESS: Final[Query] = (
    "SELECT ghostwatch.press_button(%(chat_id)s, %(user_id)s, %(user_name)s, %(action)s, %(alert_id)s) AS answer"
)

# Where a channel leads, for a test message.
ADDRESS: Final[Query] = "SELECT * FROM ghostwatch.channel_address(%(channel)s)"

# We are running; how are the outbox and the checks?
HEARTBEAT: Final[Query] = (
    "SELECT * FROM ghostwatch.sidecar_heartbeat(%(worker)s, %(version)s, %(listening)s, %(problem)s, %(fault)s)"
)
# What Prometheus is shown by branch family, state and channel.
METRICS: Final[Query] = "SELECT * FROM ghostwatch.metrics()"
# We stop on purpose.
STOPPED: Final[Query] = "SELECT ghostwatch.sidecar_stopped(%(worker)s)"

# Checks that have stopped cannot say so: has it been too long since one succeeded?
DETECT_STOPPED_CHECKS: Final[Query] = "SELECT ghostwatch.detect_stopped_checks()"

# Wake-ups, and a wake-up to ourselves that proves that they arrive.
LISTEN: Final[Query] = "LISTEN ghostwatch"
PING: Final[Query] = "SELECT pg_notify('ghostwatch', %(payload)s)"
# Does the server answer?
PROBE: Final[Query] = "SELECT"

# Only where no pg_cron does it.
RUN_CHECKS: Final[Query] = "CALL ghostwatch.run_checks()"
# How long until a check is due before the next run; no row where runs are not to be exact.
NEXT_CHECK: Final[Query] = (
    "SELECT extract(EPOCH FROM ghostwatch.next_check_due() - clock_timestamp())::float8 AS seconds "
    "FROM ghostwatch.settings AS s WHERE s.name = 'exact_deadlines' AND s.value::boolean"
)
RUN_DUE_CHECKS: Final[Query] = "CALL ghostwatch.run_due_checks()"
