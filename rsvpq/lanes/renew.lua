-- Extend the lease of a running item, and nothing else: its journal stays as it is, and an open step stays open.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner
-- returns  for how many microseconds from now it is this owner's | 0 (it is not this owner's any more)
-- replay   extends it again

local f = redis.call('HMGET', item_key(ARGV[2]), 'state', 'generation', 'owner')
if f[1] ~= 'running' or f[2] ~= ARGV[3] or f[3] ~= ARGV[4] then return 0 end
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, ARGV[2])
return RUN_LEASE
