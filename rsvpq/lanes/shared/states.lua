-- Change the state of an item.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines to_pending(), look_again(), give_up(), is_done(), note_done()

local function to_pending(id, mailbox)
  redis.call('HSET', item_key(id), 'state', 'pending')
  redis.call('LPUSH', lane_key(mailbox), id)
end

-- Make an item that was left alone pending again if it is due, or if the policy has changed; return whether it is. The
-- number of looks goes on only under the same policy. If the worker had another policy than the scan that offered the
-- item, the processes differ, which another look would not change: then the item waits at least until `soonest`.
local function look_again(id, policy)
  local item = item_key(id)
  local f = redis.call('HMGET', item, 'state', 'again', 'policy', 'soonest', 'again_in')
  if f[1] ~= 'left' then return false end
  local changed = policy ~= '' and f[3] ~= policy
  -- Further away than the delay: the clock was put back since.
  local again = number(f[2])
  local due = again <= NOW or again - NOW > positive(f[5], FAR)
  if not due and not (changed and number(f[4]) <= NOW) then return false end
  redis.call('HDEL', item, 'again', 'again_in', 'policy', 'soonest', 'reason', 'attempts')
  if changed and not f[4] then redis.call('HDEL', item, 'looks') end
  redis.call('HSET', item, 'state', 'pending')
  redis.call('PERSIST', item)
  return true
end

-- How long a scan that failed is remembered, seconds: for whoever waits for its result.
local FAILED_FOR = 86400

-- Give an item up; return its state. A message is dead, and waits for a person. A scan has failed: the next one finds the
-- same messages, so it is only remembered, and its mailbox says why.
local function give_up(id, mailbox, server, reason)
  if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
    redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
    redis.call('HSET', item_key(id), 'state', 'failed', 'reason', reason)
    redis.call('HDEL', item_key(id), 'work', 'pool', 'payload', 'journal', 'facts')  -- by which it would be worked again
    redis.call('EXPIRE', item_key(id), FAILED_FOR)
    count('failed', 1, server)
    return 'failed'
  end
  redis.call('HSET', item_key(id), 'state', 'dead', 'reason', reason)
  redis.call('ZADD', P .. ':dead', NOW, id)
  local offered = redis.call('ZSCORE', unfinished_key(server), id)
  if offered then redis.call('HSET', item_key(id), 'offered', offered) end
  redis.call('ZREM', unfinished_key(server), id)
  tally(server, 'dead', 1)
  count('dead', 1, server)
  return 'dead'
end

-- Return whether an operator action is done already, so that this is a replay of it; its token is kept for an hour.
local function is_done(token)
  return redis.call('EXISTS', P .. ':told:' .. token) == 1
end

local function note_done(token)
  redis.call('SET', P .. ':told:' .. token, '1', 'EX', 3600)
end
