-- Take back items whose lease has ended: a release that was lost on its way, or a worker that died. Trim the audit.
--
-- KEYS[1]  namespace
-- ARGV[2]  most items to look at
-- returns  { back in their lanes, dead because their attempts are used up, or because they never start }
-- replay   finds the rest
--
-- What never started goes to the tail of its lane, so that it cannot block what is behind it. It costs something where
-- a delivery was hardly just waiting: where a worker said that it threw it away, or where its pool took what was released
-- after it. That alone proves nothing, for a busy worker may have taken the delivery in advance, and others what came
-- later: so it takes several in a row, however few attempts there are. Where no worker of the pool runs, none of that is
-- so, and it costs nothing however long that lasts.

local back, dead = 0, 0
local FEWEST_VAIN = 3

-- How often in a row it was released in vain, this time included.
local function vain(id, pool)
  local f = redis.call('HMGET', item_key(id), 'unstarted', 'since', 'refused')
  local passed_over = f[3] or taken(pool) > number(f[2], NOW)
  local why = f[3] or 'revoked in Flower, or no worker knows the task, or it was lost on its way'
  return number(f[1]) + (passed_over and 1 or 0), why
end

local function end_it(id, mailbox, server, reason)
  to_dead(id, server, reason)
  if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
    redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
  end
  dead = dead + 1
end

local function take_back_running(id, mailbox, f)
  local worn_out = number(f[5]) >= number(CFG.attempts)
  audit(worn_out and 'dead' or 'failed', { id, f[6], f[2], f[5] },
    { step = open_step(f[7]), result = 'lost', reason = 'the worker was lost' })
  give_back(id, mailbox, f[2], f[3])
  if worn_out then return end_it(id, mailbox, f[2], 'the worker was lost on the last attempt') end
  to_pending(id, mailbox)
  back = back + 1
end

local function take_back_released(id, mailbox, f)
  local times, why = vain(id, f[3])
  give_back(id, mailbox, f[2], f[3])
  if times >= math.max(FEWEST_VAIN, number(CFG.attempts)) then
    local reason = 'was released ' .. times .. ' times and never started: ' .. why
    audit('dead', { id, f[6], f[2], f[5] }, { step = open_step(f[7]), result = 'unstarted', reason = reason })
    return end_it(id, mailbox, f[2], reason)
  end
  if times > 0 then redis.call('HSET', item_key(id), 'unstarted', times) end
  redis.call('HSET', item_key(id), 'state', 'pending')
  redis.call('RPUSH', lane_key(mailbox), id)
  back = back + 1
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':inflight', '-inf', NOW, 'LIMIT', 0, ARGV[2])) do
  local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'pool', 'state', 'attempts', 'facts', 'open')
  local take_back = f[4] == 'running' and take_back_running or take_back_released
  take_back(id, f[1], f)
  place(f[1])
end
-- Whole nodes only, and a bounded number of them; nothing is trimmed where no limit was configured.
local kept = redis.call('HMGET', P .. ':cfg', 'audit_retention', 'audit_most')
if kept[1] then
  redis.call('XTRIM', P .. ':audit', 'MINID', '~', string.format('%.0f', math.max(0, NOW - kept[1]) / 1000), 'LIMIT', 10000)
end
if kept[2] then redis.call('XTRIM', P .. ':audit', 'MAXLEN', '~', kept[2], 'LIMIT', 10000) end
if back > 0 then count('lease-expired', back) end
return { back, dead }
