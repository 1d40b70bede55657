CREATE TYPE ghostwatch._walk AS (
    detector ghostwatch.drift_detector,
    turns timestamptz[],            -- births of the trials at which it was raised and recovered, in turn
    change_points timestamptz[],    -- since when, for each of these
    losses double precision[]       -- how many are lost, for each of these
);

COMMENT ON TYPE ghostwatch._walk IS
'What became of a detector of the rule drift over a batch of trials.';
