CREATE TYPE ghostwatch._walk AS (
    arm ghostwatch.drift_arm,
    turns integer[]     -- places of the trials (from 1) at which it was raised and let down, in turn
);

COMMENT ON TYPE ghostwatch._walk IS
'What became of an arm of the rule drift over a batch of trials.';
