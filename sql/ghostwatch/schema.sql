CREATE SCHEMA ghostwatch;

COMMENT ON SCHEMA ghostwatch IS
'Contracts about what new rows must come to have, and the record of which were broken. Names that begin with _ are private.';
