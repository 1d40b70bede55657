BEGIN;
SELECT plan(4);

SELECT is(ghostwatch._setting('paused'), 'false', 'a fresh installation is not paused');

SELECT ghostwatch.pause();
SELECT ghostwatch.pause();
SELECT is(ghostwatch._setting('paused'), 'true', 'pausing, even twice, pauses');

SELECT ghostwatch.resume();
SELECT is(ghostwatch._setting('paused'), 'false', 'resuming ends the pause');
SELECT lives_ok($$ SELECT ghostwatch.resume() $$, 'resuming what is not paused is no error');

SELECT * FROM finish();
ROLLBACK;
