"""Every statement that the page sends. Each one calls a function; none builds a query."""

from typing import Final

from ghostwatch.notifier.queries import Query

CLAUSES: Final[Query] = "SELECT * FROM ghostwatch.page_clauses()"
DAYS: Final[Query] = "SELECT * FROM ghostwatch.page_days(%(time_zone)s, %(days)s)"
HEALTH: Final[Query] = "SELECT * FROM ghostwatch.page_health()"
FINDINGS: Final[Query] = "SELECT * FROM ghostwatch.page_findings()"
# The alerts since a moment; of one clause, or (NULL) of all.
ALERTS: Final[Query] = (
    "SELECT * FROM ghostwatch.page_alerts(%(contract)s, %(invariant)s, %(since)s::timestamptz, %(most)s)"
)
MARKS: Final[Query] = "SELECT * FROM ghostwatch.page_marks(%(contract)s, %(since)s::timestamptz)"
RATES: Final[Query] = (
    "SELECT * FROM ghostwatch.page_rates(%(contract)s, %(invariant)s, %(since)s::timestamptz, %(step)s::interval)"
)
BRANCHES: Final[Query] = (
    "SELECT * FROM ghostwatch.page_branches(%(contract)s, %(invariant)s, %(since)s::timestamptz, %(step)s::interval)"
)
COHORT: Final[Query] = (
    "SELECT * FROM ghostwatch.page_cohort(%(contract)s, %(invariant)s, %(since)s::timestamptz, '1 hour')"
)
ALERT: Final[Query] = "SELECT * FROM ghostwatch.page_alert(%(alert_id)s)"
TIMELINE: Final[Query] = "SELECT * FROM ghostwatch.page_alert_timeline(%(alert_id)s)"
DELIVERY: Final[Query] = "SELECT * FROM ghostwatch.page_alert_delivery(%(alert_id)s)"
# Differs from the last answer when there is something to draw anew.
CHANGES: Final[Query] = "SELECT ghostwatch.page_changes() AS state"
