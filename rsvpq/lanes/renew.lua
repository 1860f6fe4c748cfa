-- Extend the lease of a running item. Its journal stays as it is, and an open step stays open.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   generation
-- ARGV[4]   owner
-- Returns   how long the owner holds the item from now on, microseconds; 0 if the item no longer belongs to this owner
-- Replay    extends the lease again

local f = redis.call('HMGET', item_key(ARGV[2]), 'state', 'generation', 'owner')
if f[1] ~= 'running' or f[2] ~= ARGV[3] or f[3] ~= ARGV[4] then return 0 end
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, ARGV[2])
return RUN_LEASE
