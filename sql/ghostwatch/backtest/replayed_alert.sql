CREATE TYPE ghostwatch._replayed_alert AS (
    kind text,
    opened_at timestamptz,
    resolved_at timestamptz,
    lasted interval,
    severity text,
    branch text,
    violations bigint,
    due bigint,
    messages integer
);

COMMENT ON TYPE ghostwatch._replayed_alert IS
'A row of a backtest: an alert that a rule would have made.';
