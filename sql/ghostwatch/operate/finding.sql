CREATE TYPE ghostwatch._finding AS (
    check_name text,
    verdict text,
    finding text,
    advice text
);

COMMENT ON TYPE ghostwatch._finding IS
'What the doctor says about one thing: verdict is ok, warning or error; advice is what to type or do, NULL where all is well.';
