BEGIN;
SELECT plan(6);

SELECT throws_ok($$ SELECT ghostwatch.claim_notifications('') $$, 'GW040', NULL, 'a sidecar without a name');
SELECT throws_ok($$ SELECT ghostwatch.claim_notifications('me', 0) $$, 'GW040', NULL, 'claiming nothing');
SELECT throws_ok($$ SELECT ghostwatch.claim_notifications('me', 1, '0') $$, 'GW040', NULL, 'claiming for no time');
SELECT throws_ok($$ SELECT ghostwatch.post_event('', '42', '{}') $$, 'GW042', NULL, 'an event of no kind');
SELECT throws_ok($$ SELECT ghostwatch.post_event('start', '42', '[]') $$, 'GW042', NULL, 'an event whose payload is no object');
SELECT throws_ok($$ SELECT ghostwatch.channel_address('nowhere') $$, 'GW043', NULL, 'the address of a channel that is not there');

SELECT * FROM finish();
ROLLBACK;
