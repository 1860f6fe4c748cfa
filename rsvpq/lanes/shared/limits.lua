-- Limits, pauses and holds: which apply to a mailbox or a server, and when they allow the next release.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines CFG, RELEASE_LEASE, RUN_LEASE, ATTEMPTS, held_until(), of_group(), LOOKED_UP,
--           breakers_of(), broken_until(), limits_of(), look_up(), earliest(), stopped(), hold_back(), forget_why()

-- Return until when lanes rest in quiet hours that begin and end at these times; 0 if they do not rest now.
local function resting_until(first, last)
  local till = number(last)
  return number(first, FAR) <= NOW and NOW < till and till or 0
end

local CFG = {}
do
  local fields = { 'interval', 'burst', 'concurrency', 'weight', 'release_lease', 'run_lease', 'attempts',
    'server_share' }
  local values = redis.call('HMGET', P .. ':cfg', 'paused', 'quiet_from', 'quiet_until', unpack(fields))
  CFG.paused = values[1] or false
  CFG.rest = resting_until(values[2], values[3])
  for i, field in ipairs(fields) do CFG[field] = positive(values[i + 3], false) end
end
-- If the limits are lost, running items must not count as lost, nor be given up.
local RELEASE_LEASE, RUN_LEASE = CFG.release_lease or 600000000, CFG.run_lease or 600000000
local ATTEMPTS = CFG.attempts or math.huge

-- Return until when something is held: never longer than the hold itself, even if the clock was put back since.
local LONGEST_HOLD = 86400000000
local function held_until(hold, length)
  return math.min(number(hold), NOW + positive(length, LONGEST_HOLD))
end

-- Return the breakers of a server by work, from its field; see breaker.lua.
local function breakers_of(text)
  local found = text and decoded(text) or {}
  for work, one in pairs(found) do
    if type(one) ~= 'table' then found[work] = nil end
  end
  return found
end

-- Return until when a breaker holds this work of its server.
local function broken_until(breakers, work)
  local one = breakers[work]
  return one and held_until(one.hold, one.hold_for) or 0
end

-- Return whether a group of mailboxes is paused, and until when it rests (0 if it does not).
local function of_group(group)
  if not group then return false, 0 end
  local v = redis.call('HMGET', group_key(group), 'paused', 'quiet_from', 'quiet_until')
  return v[1], resting_until(v[2], v[3])
end

-- The fields of a mailbox or a server that limits_of() reads, in its order.
local LOOKED_UP = { 'n', 'reserved', 'tat', 'hold', 'hold_for', 'paused', 'live_interval', 'live_burst',
  'live_concurrency', 'interval', 'burst', 'concurrency', 'breaker', 'group', 'server', 'where', 'weight', 'hold_why' }

-- Return the limits and the present load of a mailbox or a server, from its values of LOOKED_UP and what of_group() says
-- of its group. A limit that an operator set at run time (live_*) overrides the configured one, and that one the default.
--   reading  whether nothing may be changed
-- If the clock was put back, or the pace was slower before, a stamp of the pace can be further away than the present
-- pace allows, and so can a hold after the clock was put back. Both are limited to the furthest time that is possible.
local function limits_of(key, v, group_paused, rest, reading)
  local interval = positive(v[7], positive(v[10], CFG.interval or 1))
  local burst = positive(v[8], positive(v[11], CFG.burst or 1))
  local tat, hold = number(v[3], FAR), held_until(v[4], v[5])
  if not v[3] then tat = 0 end
  if tat > NOW + burst * interval then
    tat = NOW + burst * interval
    if not reading then redis.call('HSET', key, 'tat', tat) end
  end
  if hold < number(v[4]) and not reading then redis.call('HSET', key, 'hold', hold) end
  return {
    key = key,
    n = number(v[1]), reserved = number(v[2]), tat = tat, hold = hold, paused = v[6],
    interval = interval, burst = burst,
    concurrency = positive(v[9], positive(v[12], CFG.concurrency or 1)), weight = positive(v[17], CFG.weight or 1),
    breaker = v[13],
    group = v[14], group_paused = group_paused, rest = rest,
    server = v[15], where = v[16] or '', hold_why = v[18],
  }
end

-- Return what limits_of() returns, of a mailbox or a server ('mailbox', name | 'server', name).
local function look_up(scope, name, reading)
  local key = P .. ':' .. scope .. ':' .. name
  local v = redis.call('HMGET', key, unpack(LOOKED_UP))
  local group_paused, rest = of_group(v[14])
  return limits_of(key, v, group_paused, rest, reading)
end

-- Return when pace, hold and quiet hours allow the next release; nil if only a charge or a returned slot can make room.
local function earliest(l)
  local slack = (l.burst - 1 - l.reserved) * l.interval
  if slack < 0 then return nil end
  return math.max(l.hold, l.rest, l.tat - slack)
end

-- Return whether the mailbox, its group or its server is paused or held, or the work of this item on its server.
--   starting  whether something is to start, which quiet hours prevent; what has been started is finished
local function stopped(mailbox, server, id, starting)
  if CFG.paused or (starting and CFG.rest > 0) then return true end
  local m = redis.call('HMGET', P .. ':mailbox:' .. mailbox, 'paused', 'hold', 'hold_for', 'group')
  local group_paused, rest = of_group(m[4])
  if m[1] or group_paused or held_until(m[2], m[3]) > NOW or (starting and rest > 0) then return true end
  local s = redis.call('HMGET', P .. ':server:' .. server, 'paused', 'hold', 'hold_for', 'breaker')
  if s[1] or held_until(s[2], s[3]) > NOW then return true end
  return s[4] and broken_until(breakers_of(s[4]), redis.call('HGET', item_key(id), 'work')) > NOW or false
end

-- Hold a mailbox or a server for a delay in microseconds, with a reason; a longer hold and its reason stay. The caller
-- shortens the reason, because Lua would cut in the middle of a character.
local function hold_back(scope, name, delay, why)
  local key, till = P .. ':' .. scope .. ':' .. name, NOW + delay
  local v = redis.call('HMGET', key, 'hold', 'hold_for')
  if till < held_until(v[1], v[2]) then return end
  redis.call('HSET', key, 'hold', till, 'hold_for', delay, 'hold_why', why)
end

-- Remove the reason of a hold that has ended by itself.
local function forget_why(l)
  if l.hold_why and l.hold <= NOW then redis.call('HDEL', l.key, 'hold_why') end
end
