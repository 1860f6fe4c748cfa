-- Journal a step of a running item and extend its lease.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner
-- ARGV[5]  the whole journal, JSON
-- ARGV[6]  '1' where the step is an intent: what follows presses the server, so the pace is charged (once per
--          generation), and a pause or a hold set in the meantime stops it
-- returns  'ok' | 'held' (paused or held; nothing was written) | 'lost' (the item is not this owner's any more)
-- replay   writes the same again

local id = ARGV[2]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server')
if f[1] ~= 'running' or f[2] ~= ARGV[3] or f[3] ~= ARGV[4] then return 'lost' end
local intent = ARGV[6] == '1'
if intent and stopped(f[4], f[5]) then return 'held' end
redis.call('HSET', item, 'journal', ARGV[5])
redis.call('ZADD', P .. ':inflight', NOW + number(CFG.run_lease), id)
if intent then
  charge(id, f[4], f[5])
  place(f[4])
end
return 'ok'
