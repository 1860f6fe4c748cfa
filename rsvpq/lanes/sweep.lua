-- Take back items whose lease has ended: a release that was lost on its way, or a worker that died. Trim the audit.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   most items to take back
-- ARGV[3]   the expected time, microseconds, from the caller's monotonic clock; 0 if unknown. If the time is much
--           later, Redis' clock was put forward: no lease has ended by that, and all begin anew
-- Returns   { back, ended }: how many items are back in their lanes, and how many were given up because their attempts
--           are used up or because they never start
-- Replay    takes back the rest
--
-- An item that never started goes to the tail of its lane, so that it does not block the items behind it. A release in
-- vain is counted only if the delivery was very probably not just waiting: a worker reported that it discarded the
-- delivery, or the pool started an item that was released later. The second proves nothing, because a busy worker may
-- have prefetched the delivery; so an item is dead only after several in a row, however few attempts are configured. If
-- no worker of the pool runs, neither applies, and nothing is counted however long that lasts.
--
-- If the clock was put back, leases, delays and waits would end too late, so none may be further away than it is long.

local back, ended = 0, 0
local FEWEST_VAIN = 3

-- Return how often in a row the item was released in vain, this time included, and why.
local function vain(id, pool)
  local f = redis.call('HMGET', item_key(id), 'unstarted', 'since', 'refused')
  local passed_over = f[3] or taken(pool) > number(f[2], NOW)
  local why = f[3] or 'revoked in Flower, or no worker knows the task, or it was lost on its way'
  return number(f[1]) + (passed_over and 1 or 0), why
end

-- Give an item up, and record that in the audit.
--   f       its fields as take_back() reads them
--   result  in one word
local function end_it(id, mailbox, f, result, reason)
  local state = give_up(id, mailbox, f[2], reason)
  audit(state, { id, f[6], f[2], f[5] }, { step = open_step(f[7]), result = result, reason = reason })
  if state == 'failed' then
    redis.call('HSETNX', P .. ':mailbox:' .. mailbox, 'failed', NOW)
    redis.call('HSET', P .. ':mailbox:' .. mailbox, 'failed_why', reason)
  end
  ended = ended + 1
end

local function take_back_running(id, mailbox, f)
  give_back(id, mailbox, f[2], f[3])
  if number(f[5]) >= ATTEMPTS then
    return end_it(id, mailbox, f, 'lost', 'the worker was lost on the last attempt')
  end
  audit('failed', { id, f[6], f[2], f[5] },
    { step = open_step(f[7]), result = 'lost', reason = 'the worker was lost' })
  to_pending(id, mailbox)
  back = back + 1
end

local function take_back_released(id, mailbox, f)
  local times, why = vain(id, f[3])
  give_back(id, mailbox, f[2], f[3])
  if times >= math.max(FEWEST_VAIN, ATTEMPTS) then
    local reason = 'was released ' .. times .. ' times and never started: ' .. why
    return end_it(id, mailbox, f, 'unstarted', reason)
  end
  if times > 0 then redis.call('HSET', item_key(id), 'unstarted', times) end
  redis.call('HSET', item_key(id), 'state', 'pending')
  redis.call('RPUSH', lane_key(mailbox), id)
  back = back + 1
end

local NEVER_IN_FLIGHT = { pending = true, later = true, dead = true }

local function take_back(id)
  local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'pool', 'state', 'attempts', 'facts', 'open')
  if not (f[1] and f[2] and f[3]) then
    return quarantine_item(id, f[4] and 'item-incomplete' or 'item-missing', f[1] or nil, f[2], true)
  end
  if NEVER_IN_FLIGHT[f[4]] or is_remembered(f[4]) then
    redis.call('ZREM', P .. ':inflight', id)
    return note_broken('inflight[' .. id .. ']', 'foreign-member')
  end
  (f[4] == 'running' and take_back_running or take_back_released)(id, f[1], f)
  place(f[1])
end

local function lease_of(id)
  return NOW + (redis.call('HGET', item_key(id), 'state') == 'running' and RUN_LEASE or RELEASE_LEASE)
end

-- Clocks of two machines drift apart a little.
local JUMP = 2000000
local was_put_forward = number(ARGV[3]) > 0 and NOW - number(ARGV[3]) > JUMP
if was_put_forward then
  for _, id in ipairs(redis.call('ZRANGE', P .. ':inflight', 0, MOST_COUNTED - 1)) do
    redis.call('ZADD', P .. ':inflight', 'GT', lease_of(id), id)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':inflight', '-inf', NOW, 'LIMIT', 0, ARGV[2])) do take_back(id) end

-- The farthest members of each set; repair.lua corrects the others.
local FARTHEST = 100
local longest = NOW + math.max(RUN_LEASE, RELEASE_LEASE)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':inflight', longest + 1, '+inf', 'LIMIT', 0, MOST_COUNTED)) do
  redis.call('ZADD', P .. ':inflight', lease_of(id), id)
end
for _, id in ipairs(redis.call('ZREVRANGE', P .. ':later', 0, FARTHEST - 1)) do bound_delay(id) end
for _, mailbox in ipairs(redis.call('ZREVRANGE', P .. ':wait', 0, FARTHEST - 1)) do
  if redis.call('EXISTS', lane_key(mailbox)) == 0 then redis.call('ZREM', P .. ':wait', mailbox) end
  place(mailbox)
end
-- Whole nodes only, and a bounded number of them; nothing is trimmed where no limit was configured.
local kept = redis.call('HMGET', P .. ':cfg', 'audit_retention', 'audit_most')
if kept[1] then
  redis.call('XTRIM', P .. ':audit', 'MINID', '~', string.format('%.0f', math.max(0, NOW - number(kept[1], NOW)) / 1000), 'LIMIT', 10000)
end
local most_kept = positive(kept[2])
if most_kept then
  redis.call('XTRIM', P .. ':audit', 'MAXLEN', '~', string.format('%.0f', most_kept), 'LIMIT', 10000)
end
if back > 0 then count('lease-expired', back) end
return { back, ended }
