-- Topics: where it is kept what they were settled with, and whether that is certainly all.

-- What was settled belongs to the mailbox, whatever name led to it: it goes by the mailbox's identity (see claim.lua),
-- and by the name only where its server shows none.
local function topic_key(mailbox, topic)
  local key = P .. ':topic:' .. (redis.call('HGET', P .. ':mailbox:' .. mailbox, 'identity') or mailbox) .. ':' .. topic
  topic_owner[key] = mailbox
  return key
end

-- For how many seconds back all that was settled in the mailbox is remembered here. A Redis that was started anew may
-- have lost the last of it, or everything: then somebody has to look into the mailbox, and says so by remember.lua.
local function vouched(mailbox)
  local start = redis.call('HGET', P .. ':cfg', 'start')
  local v = redis.call('HMGET', P .. ':mailbox:' .. mailbox, 'remembers', 'remembers_s')
  return start and v[1] == start and number(v[2]) or 0
end
