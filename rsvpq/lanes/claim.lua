-- Claim a mailbox for the name under which a visit found it, before the visit offers or does anything. One mailbox is
-- worked under one name, and a name has one mailbox: it gives up the mailbox that it had before.
--
-- KEYS[1]  namespace
-- ARGV[2]  name in the list      ARGV[3] identity of the mailbox
-- ARGV[4]  a name whose claim is void, as it is not in the list any more; '' for none
-- returns  { the name that the mailbox is worked under, how many items of that name are in flight }; the claim is this
--          name's where it is the first; it takes the place of a void one that has nothing in flight. A name that has
--          come to a mailbox newly, or back to it, does not vouch for what was settled there (see remember.lua)
-- replay   returns the same

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
