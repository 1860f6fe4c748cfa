-- From one state to another.

local function to_pending(id, mailbox)
  redis.call('HSET', item_key(id), 'state', 'pending')
  redis.call('LPUSH', lane_key(mailbox), id)
end

-- An item that was left alone is pending again, if it is time to look at it, or if the policy is not the one by which it
-- was; says whether it is. How often it was looked at counts on under the same policy only. Where the worker had another
-- policy than the scan that offered it, the processes differ, which no look changes: it waits for the soonest time then.
local function look_again(id, policy)
  local item = item_key(id)
  local f = redis.call('HMGET', item, 'state', 'again', 'policy', 'soonest', 'again_in')
  if f[1] ~= 'left' then return false end
  local changed = policy ~= '' and f[3] ~= policy
  -- Farther away than it was put: the clock has gone back since.
  local again = number(f[2])
  local due = again <= NOW or again - NOW > positive(f[5], FAR)
  if not due and not (changed and number(f[4]) <= NOW) then return false end
  redis.call('HDEL', item, 'again', 'again_in', 'policy', 'soonest', 'reason', 'attempts')
  if changed and not f[4] then redis.call('HDEL', item, 'looks') end
  redis.call('HSET', item, 'state', 'pending')
  redis.call('PERSIST', item)
  return true
end

local function to_dead(id, server, reason)
  redis.call('HSET', item_key(id), 'state', 'dead', 'reason', reason)
  redis.call('ZADD', P .. ':dead', NOW, id)
  local offered = redis.call('ZSCORE', unfinished_key(server), id)
  if offered then redis.call('HSET', item_key(id), 'offered', offered) end
  redis.call('ZREM', unfinished_key(server), id)
  tally(server, 'dead', 1)
  count('dead', 1, server)
end

-- Whether an operator's action is done for the first time; the token of one is kept for an hour, for its replay.
local function is_first(token)
  return redis.call('SET', P .. ':told:' .. token, '1', 'NX', 'EX', 3600) and true
end
