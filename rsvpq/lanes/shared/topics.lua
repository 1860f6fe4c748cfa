-- Topics: where what settled them is stored, and whether that is certainly complete.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines topic_key(), notice_new_primary(), vouched()

-- Return the key of a topic. What was settled belongs to the mailbox under all its names, so the key has the mailbox's
-- identity (see claim.lua), and its name only if the server shows no identity.
local function topic_key(mailbox, topic)
  local key = P .. ':topic:' .. (redis.call('HGET', P .. ':mailbox:' .. mailbox, 'identity') or mailbox) .. ':' .. topic
  topic_owner[key] = mailbox
  return key
end

-- Note that everything settled lately may be forgotten, if this Redis was a replica: what its primary wrote last may not
-- have reached it. The replication id is new at each start and each promotion, and nothing else tells of a promotion:
-- a server that was demoted and is the primary again has kept its scripts. Nothing is noted if INFO is not permitted.
local function notice_new_primary()
  local info = api.pcall('INFO', 'replication')
  local id = type(info) == 'string' and string.match(info, 'master_replid:(%x+)')
  if not id then return end
  local known = redis.call('HGET', P .. ':cfg', 'replid')
  if known == id then return end
  redis.call('HSET', P .. ':cfg', 'replid', id)
  if known then distrust() end
end

-- Return for how many seconds back all that was settled in the mailbox is certainly stored. A restarted Redis may have
-- lost some or all of it: 0 until the mailbox was read, and remember.lua called.
local function vouched(mailbox)
  local start = redis.call('HGET', P .. ':cfg', 'start')
  local v = redis.call('HMGET', P .. ':mailbox:' .. mailbox, 'remembers', 'remembers_s')
  return start and v[1] == start and number(v[2]) or 0
end
