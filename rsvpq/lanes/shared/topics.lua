-- Topics: where what settled them is stored, and whether that is certainly complete.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines topic_key(), vouched()

-- Return the key of a topic. What was settled belongs to the mailbox under all its names, so the key has the mailbox's
-- identity (see claim.lua), and its name only if the server shows no identity.
local function topic_key(mailbox, topic)
  local key = P .. ':topic:' .. (redis.call('HGET', P .. ':mailbox:' .. mailbox, 'identity') or mailbox) .. ':' .. topic
  topic_owner[key] = mailbox
  return key
end

-- Return for how many seconds back all that was settled in the mailbox is certainly stored. A restarted Redis may have
-- lost some or all of it: 0 until the mailbox was read, and remember.lua called.
local function vouched(mailbox)
  local start = redis.call('HGET', P .. ':cfg', 'start')
  local v = redis.call('HMGET', P .. ':mailbox:' .. mailbox, 'remembers', 'remembers_s')
  return start and v[1] == start and number(v[2]) or 0
end
