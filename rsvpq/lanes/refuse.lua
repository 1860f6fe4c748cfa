-- Note that a worker discarded a delivery of an item, so that waiting for a worker no longer explains the delay.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id
-- ARGV[3]  why, for the operator
-- ARGV[4]  '1' where the release lease ends at once; else another worker may yet take the next delivery in its place
-- returns  1 where the item was released and has not started; 0 otherwise, and then nothing is changed
-- replay   notes the same again; where the item was released anew in between, that lease ends early, and does no harm

local item = item_key(ARGV[2])
if redis.call('HGET', item, 'state') ~= 'released' then return 0 end
redis.call('HSET', item, 'refused', ARGV[3])
if ARGV[4] == '1' then redis.call('ZADD', P .. ':inflight', NOW, ARGV[2]) end
return 1
