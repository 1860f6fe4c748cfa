-- A running item ends; the slots it held are refilled in the same breath.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner
-- ARGV[5]  how: 'done' | 'dead' | 'later' (again after a delay; dead when the attempts are used up)
--          | 'throttled' (as later, but the attempt is not counted) | 'held' (back to the head of the lane, not counted)
-- ARGV[6]  label to count it under, such as done:answered      ARGV[7] reason: one line for the operator
-- ARGV[8]  delay of a 'later' or 'throttled'                   ARGV[9] how long a done item is remembered, seconds
-- ARGV[10] what the throttling concerns: 'mailbox' | 'server' | ''; it is held for the delay
-- ARGV[11] most items to release
-- ARGV[12+] more to count: label, by
-- returns  { 'done' | 'dead' | 'later' | 'pending' | 'replay' | 'lost', { released, ... } }
-- replay   is recognised by its generation and changes nothing

local id, generation, how, label, reason = ARGV[2], ARGV[3], ARGV[5], ARGV[6], ARGV[7]
local delay, hold = number(ARGV[8]), ARGV[10]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'attempts', 'finished')
local mailbox, server = f[4], f[5]
if f[8] == generation then return { 'replay', release(number(ARGV[11])) } end
if f[1] ~= 'running' or f[2] ~= generation or f[3] ~= ARGV[4] then return { 'lost', release(number(ARGV[11])) } end

if how ~= 'held' then charge(id, mailbox, server) end
give_back(id, mailbox, server, f[6])
redis.call('HSET', item, 'finished', generation, 'reason', reason)
count(label)
for i = 12, #ARGV, 2 do count(ARGV[i], ARGV[i + 1]) end
if how == 'throttled' or how == 'held' then redis.call('HINCRBY', item, 'attempts', -1) end
if hold ~= '' then
  local key = P .. ':' .. hold .. ':' .. (hold == 'server' and server or mailbox)
  redis.call('HSET', key, 'hold', math.max(number(redis.call('HGET', key, 'hold')), NOW + delay))
end

local state = how
if how == 'held' then
  state = 'pending'
  to_pending(id, mailbox)
elseif how == 'dead' or (how == 'later' and number(f[7]) >= number(CFG.attempts)) then
  state = 'dead'
  to_dead(id, reason)
elseif how == 'done' then
  -- Only that it was done is remembered; the rest would be most of what Redis holds. Made anew, because a hash that
  -- once held a long value keeps the roomy form.
  redis.call('DEL', item)
  redis.call('HSET', item, 'state', 'done', 'generation', generation, 'finished', generation, 'mailbox', mailbox,
    'attempts', f[7])
  redis.call('EXPIRE', item, ARGV[9])
else
  state = 'later'
  redis.call('HSET', item, 'state', 'later')
  redis.call('ZADD', P .. ':later', NOW + delay, id)
end
if (state == 'done' or state == 'dead') and redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
  redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
end
place(mailbox)
return { state, release(number(ARGV[11])) }
