-- The newest births are compared with the database's clock: a wrong time zone is named, and where to look.
BEGIN;
SELECT plan(12);

SET LOCAL ghostwatch.clock = '2026-01-15 12:00+00';
CREATE TABLE public.account (id bigint PRIMARY KEY, created_at timestamptz, born timestamp);
CREATE INDEX ON public.account (created_at);
CREATE INDEX ON public.account (born);
CREATE FUNCTION pg_temp.problem(time_zone text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
    -- What the births look like after declaring the contract, by its column without time zone where one is given.
    BEGIN
        PERFORM ghostwatch.declare_contract(
            'welcome', 'public.account', born_at_column => CASE WHEN problem.time_zone IS NULL THEN 'created_at' ELSE 'born' END,
            time_zone => problem.time_zone
        );
        RETURN (SELECT ghostwatch._birth_problem(c) FROM ghostwatch.contract AS c);
    END
$$;
SELECT is(pg_temp.problem(), NULL, 'no births, no problem');

-- Somebody signed up every ten seconds, until now.
INSERT INTO public.account
SELECT n, '2026-01-15 12:00+00'::timestamptz - n * '10 seconds'::interval, '2026-01-15 12:00'::timestamp - n * '10 seconds'::interval
FROM generate_series(0, 99) AS n;
SELECT is(pg_temp.problem(), NULL, 'births until now are no problem');
SELECT is(pg_temp.problem('UTC'), NULL, 'nor in the right time zone');
SELECT is(
    pg_temp.problem('America/New_York'),
    'Births in public.account look 5 hours ahead: time zone? The newest is 2026-01-15 17:00:00+00, the database''s clock says '
    '2026-01-15 12:00:00+00, and births are read in the time zone America/New_York.',
    'births in the future name zone and clock'
);
SELECT matches(pg_temp.problem('Asia/Kolkata'), 'look 5.5 hours behind: time zone\?', 'so do births behind, though others came one after the other');
SELECT ghostwatch.declare_invariant('welcome', 'known', 'public.account', 'id', related_at_column => 'created_at');
SELECT matches(
    (SELECT d.finding FROM ghostwatch.doctor() AS d WHERE d.check_name = 'clocks'), 'look 5.5 hours behind: time zone\?',
    'the doctor says so, too, however short the checks watch'
);
UPDATE public.account SET created_at = created_at + '3 hours'::interval;
SELECT matches(pg_temp.problem(), 'look 3 hours ahead.*and births carry their time zone', 'a clock that is hours fast');

-- What proves nothing.
UPDATE public.account SET created_at = created_at - '6 hours'::interval WHERE id < 10;
UPDATE public.account SET created_at = created_at - '9 hours'::interval WHERE id >= 10;
SELECT is(pg_temp.problem(), NULL, 'a quiet table is no problem');
UPDATE public.account SET created_at = '2026-01-15 09:00+00';
SELECT is(pg_temp.problem(), NULL, 'nor one whose rows came all at once');
UPDATE public.account SET created_at = '2026-01-15 12:00+00'::timestamptz - '3 days'::interval - id * '10 seconds'::interval;
SELECT is(pg_temp.problem(), NULL, 'nor one that nobody has used for days');
UPDATE public.account SET created_at = '2026-01-15 12:00+00'::timestamptz + '3 hours'::interval;
SELECT ghostwatch.declare_contract('welcome', capture => true);
SELECT is(pg_temp.problem(), NULL, 'nor births that are not read, under capture');
SELECT ghostwatch.declare_contract('welcome', capture => false);
DROP INDEX public.account_created_at_idx;
SELECT is(pg_temp.problem(), NULL, 'and where no index leads to them, nobody looks');

SELECT * FROM finish();
ROLLBACK;
