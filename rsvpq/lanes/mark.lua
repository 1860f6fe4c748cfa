-- Mark the namespace with the schema of the version that uses it, unless that version may not use it.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   the schema of this version
-- ARGV[3]   the oldest schema that this version upgrades; 0 is that of the versions without a mark
-- Returns   the schema that was found: that of this version if the namespace is new
-- Replay    finds the schema of this version, and changes nothing

local key = P .. ':schema'
local found = redis.call('TYPE', key).ok == 'string' and redis.call('GET', key)
if not found then found = redis.call('EXISTS', P .. ':cfg') == 1 and 0 or ARGV[2] end
found = number(found)
if found >= number(ARGV[3]) and found <= number(ARGV[2]) then redis.call('SET', key, ARGV[2]) end
return found
