-- Broken records: they are counted, named and moved out of the way, so that no script fails halfway.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines note_broken(), distrust(), quarantine_key(), topic_owner, and a redis.call() that repairs
--           and repeats

local api = redis

-- Count a broken record, and name it unless too many are named. Never fails, because everything else depends on it.
local function note_broken(name, why)
  name = string.sub(name, 1, 300)
  api.pcall('HINCRBY', P .. ':counts', 'broken:' .. why, 1)
  local named = api.pcall('HLEN', P .. ':broken')
  if type(named) == 'table' then
    api.call('DEL', P .. ':broken')
    named = 0
  end
  if named < MOST_NAMED_BROKEN or api.call('HEXISTS', P .. ':broken', name) == 1 then
    api.call('HSET', P .. ':broken', name, string.format('%.0f', NOW) .. ' ' .. why)
  end
end

-- The mailbox of each topic's key.
local topic_owner = {}

-- Note that what was settled in a mailbox (nil for all) may be forgotten; see vouched().
local function distrust(mailbox)
  if mailbox then
    api.pcall('HDEL', P .. ':mailbox:' .. mailbox, 'remembers')
  else
    -- If the number is lost, continue with one that no mailbox can have stored before.
    local first = string.format('%.0f', NOW)
    api.pcall('HSETNX', P .. ':cfg', 'start', first)
    local counted = api.pcall('HINCRBY', P .. ':cfg', 'start', 1)
    if type(counted) == 'table' then api.pcall('HSET', P .. ':cfg', 'start', first) end
  end
end

-- Rename a key, so that its content can be examined and the right one made anew. A key of another namespace, such as
-- Celery's, keeps its whole name after the prefix.
local function quarantine_key(key, why)
  local is_own = string.sub(key, 1, #P + 1) == P .. ':'
  local name = is_own and string.sub(key, #P + 2) or key
  api.call('RENAME', key, P .. ':aside:' .. name)
  api.call('EXPIRE', P .. ':aside:' .. name, KEPT_ASIDE)
  note_broken(name, why)
  if topic_owner[key] then distrust(topic_owner[key]) end
end

local function repair_and_repeat(failure, ...)
  local command, key, field = ...
  if string.find(failure, 'WRONGTYPE', 1, true) then
    quarantine_key(key, 'wrong-type')
  elseif command == 'HINCRBY' then
    note_broken(string.sub(key, #P + 2) .. '[' .. field .. ']', 'wrong-field')
    api.call('HSET', key, field, 0)
  elseif command == 'XADD' and not string.find(failure, 'OOM', 1, true) then
    quarantine_key(key, 'stream-ended')
  end
  return api.call(...)
end

-- Treat a key of another type as missing, in every script. Other errors, such as those of a full Redis, are returned.
local redis = {}
function redis.call(...)
  local answer = api.pcall(...)
  if type(answer) == 'table' and answer.err then return repair_and_repeat(answer.err, ...) end
  return answer
end
