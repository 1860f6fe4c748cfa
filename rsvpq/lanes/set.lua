-- Change what an operator may change at run time: pause, resume (which also ends a hold), confirm, limits.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   scope: 'all' | 'mailbox' | 'group' | 'server'
-- ARGV[3]   name; '' for all
-- ARGV[4]   token, unique to this action; '' to record nothing
-- ARGV[5]   who
-- ARGV[6]   what, such as pause, resume, limit or confirm
-- ARGV[7]   why
-- ARGV[8]   the values that were set, as text
-- ARGV[9]   facts (JSON), which name the mailbox
-- ARGV[10]  server, for the audit; '' if none
-- ARGV[11+] field, value for each: paused, hold, confirmed, quiet_from, quiet_until (when the lanes rest next),
--           live_interval (microseconds), live_burst, live_concurrency; an empty value removes the field, and of
--           'confirmed' of all also that of every group. Also: paused_for, after paused (microseconds until the pause
--           ends), and pause_ended (the time at which a pause was to end: nothing is done if that is not the present one)
-- Returns   1; 0 if nothing was done
-- Replay    returns 1 by the token, which is kept for an hour, and changes nothing: others may have acted since. Without
--           a token, sets the same values again

local scope, name, token = ARGV[2], ARGV[3], ARGV[4]
if token ~= '' and is_done(token) then return 1 end
local key = scope == 'all' and P .. ':cfg' or P .. ':' .. scope .. ':' .. name
local pauses, member = P .. ':pauses', scope .. ' ' .. name
local function end_pause()
  redis.call('HDEL', key, 'paused', 'paused_by', 'paused_at', 'paused_until')
  if redis.call('TYPE', pauses).ok ~= 'zset' then redis.call('DEL', pauses) end  -- a pause must never fail
  redis.call('ZREM', pauses, member)
  if scope == 'group' then redis.call('SADD', P .. ':waking', name) end
end

-- Keep in the set of groups those of which anything is known.
local function list_group(group)
  redis.call(redis.call('EXISTS', group_key(group)) == 1 and 'SADD' or 'SREM', P .. ':groups', group)
end
local function withdraw_groups()
  for _, group in ipairs(redis.call('SMEMBERS', P .. ':groups')) do
    redis.call('HDEL', group_key(group), 'confirmed')
    list_group(group)
  end
end

-- Forget why it was held, and the holds of single works. Their mailboxes wait for the end of these; so many are placed
-- at once, and the others when that has come, which is within a minute.
local PLACED_AT_ONCE = 500
local function end_holds()
  local breakers = breakers_of(redis.call('HGET', key, 'breaker'))
  redis.call('HDEL', key, 'hold_why', 'breaker')
  for work in pairs(breakers) do
    local till = string.format('%.0f', broken_until(breakers, work))
    local waiting = redis.call('ZRANGEBYSCORE', P .. ':wait', till, till, 'LIMIT', 0, PLACED_AT_ONCE)
    for _, mailbox in ipairs(waiting) do place(mailbox) end
  end
end

for i = 11, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if field == 'pause_ended' then
    if redis.call('HGET', key, 'paused_until') ~= value then return 0 end
    end_pause()
  elseif field == 'paused_for' then
    redis.call('HSET', key, 'paused_until', string.format('%.0f', NOW + number(value)))
    redis.call('ZADD', pauses, NOW + number(value), member)
  elseif field == 'paused' then
    end_pause()
    if value ~= '' then redis.call('HSET', key, 'paused', value, 'paused_by', ARGV[5], 'paused_at', NOW) end
  elseif value == '' then
    redis.call('HDEL', key, field)
    if field == 'confirmed' and scope == 'all' then withdraw_groups() end
    if field == 'hold' then end_holds() end
  else
    redis.call('HSET', key, field, value)
  end
end
if scope == 'group' then list_group(name) end
local live = redis.call('HMGET', key, 'live_interval', 'live_burst', 'live_concurrency')
if not (live[1] or live[2] or live[3]) then
  redis.call('HDEL', key, 'live_by', 'live_at')
elseif ARGV[6] == 'limit' then
  redis.call('HSET', key, 'live_by', ARGV[5], 'live_at', NOW)
end
if token ~= '' then
  note_done(token)
  audit('operator', { '', ARGV[9], ARGV[10] }, { who = ARGV[5], step = ARGV[6], reason = ARGV[7], note = ARGV[8] })
end
-- A scan of the mailbox that waits for another attempt is tried now: the operator says that the cause is repaired.
if scope == 'mailbox' and ARGV[6] == 'resume' then
  local scan = redis.call('HGET', key, 'scan')
  if scan then redis.call('ZADD', P .. ':later', 'XX', NOW, scan) end
end
-- Place again what waits under the old limits.
if scope == 'mailbox' then place(name) elseif scope == 'server' then look_up('server', name) end
return 1
