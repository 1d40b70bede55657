CREATE FUNCTION ghostwatch._alternative_losses()
RETURNS double precision[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- A leak loses a share of those who would otherwise have had their row, whatever the usual rate is. Said this way, a
    -- healthy trial weighs the same in every branch. Five shares, about equally far apart on the logit scale, are enough: with
    -- eight, the simulation found no change sooner.
    SELECT '{0.06,0.12,0.25,0.5,0.9}'::double precision[];
END;

COMMENT ON FUNCTION ghostwatch._alternative_losses() IS
'The losses that the rule drift looks for: shares, above 0 and below 1, of the subjects who would otherwise have had their row.';
