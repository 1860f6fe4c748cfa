-- Note that a worker discarded a delivery of an item, so that waiting for a worker no longer explains the delay.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   why, for the operator
-- ARGV[4]   '1' to end the release lease at once; '0' if another worker may still take the next delivery
-- Returns   1 if the item was released and not started; 0 otherwise, with nothing changed
-- Replay    writes the same note again; if the item was released anew in between, that lease may end early, which does
--           no harm

local item = item_key(ARGV[2])
if redis.call('HGET', item, 'state') ~= 'released' then return 0 end
redis.call('HSET', item, 'refused', ARGV[3])
if ARGV[4] == '1' then redis.call('ZADD', P .. ':inflight', NOW, ARGV[2]) end
return 1
