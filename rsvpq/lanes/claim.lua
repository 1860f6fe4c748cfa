-- Claim a mailbox for the name under which a visit found it, before the visit offers or changes anything. A mailbox is
-- worked under one name, and a name has one mailbox: it gives up the one that it had before.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   name in the list
-- ARGV[3]   identity of the mailbox
-- ARGV[4]   a name whose claim is void because it is no longer in the list; '' for none
-- Returns   { name, in_flight }: the name that has the claim, and how many items of it are in flight (0 if it is
--           ARGV[2]). The first name keeps the claim; a void claim passes to the new name once nothing is in flight
--           under it
-- Replay    returns the same
--
-- A name that comes newly to a mailbox, or back to it, does not vouch for what was settled there before (see
-- remember.lua).

local name, identity = ARGV[2], ARGV[3]
local claims, own = P .. ':claims', P .. ':mailbox:' .. name
local holder = redis.call('HGET', claims, identity)
if holder and holder ~= name then
  local in_flight = number(redis.call('HGET', P .. ':mailbox:' .. holder, 'n'))
  if holder ~= ARGV[4] or in_flight > 0 then return { holder, in_flight } end
end
local before = redis.call('HGET', own, 'identity')
if before and before ~= identity and redis.call('HGET', claims, before) == name then redis.call('HDEL', claims, before) end
if holder ~= name or before ~= identity then redis.call('HDEL', own, 'remembers') end
if holder ~= name then redis.call('HSET', claims, identity, name) end
if before ~= identity then redis.call('HSET', own, 'identity', identity) end
return { name, 0 }
