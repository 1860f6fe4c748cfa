-- Set aside a released or running item that cannot be read by the process that is to publish or run it.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   generation
-- ARGV[4]   kind of the fault, under which it is counted as a broken record
-- Returns   1 if the item was set aside; 0 if it has another generation by now, or is not in flight
-- Replay    finds nothing to set aside, and returns 0

local id = ARGV[2]
local f = redis.call('HMGET', item_key(id), 'state', 'generation', 'mailbox', 'server', 'pool')
if (f[1] ~= 'released' and f[1] ~= 'running') or f[2] ~= ARGV[3] then return 0 end
if f[3] and f[4] and f[5] then give_back(id, f[3], f[4], f[5]) end
quarantine_item(id, ARGV[4], f[3], f[4], true)
if f[3] then place(f[3]) end
return 1
