-- End a running item, and refill the slots that it held in the same call.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner
-- ARGV[5]  how: 'done' | 'left' (alone, to be looked at again) | 'dead'
--          | 'later' (again after a delay; dead when the attempts are used up)
--          | 'throttled' (as later, but the attempt is not counted, up to the bounds of spared(); where something is held, it
--          waits in its lane for the end of that, and the next times twice as long)
--          | 'held' (back to the head of the lane, not counted)
-- ARGV[6]  label to count it under, such as done:answered      ARGV[7] reason: one line for the operator
-- ARGV[8]  delay of a 'later' or 'throttled'; of a 'left' the first, twice as long each time it is left again
-- ARGV[9]  how long a done item is remembered, seconds
-- ARGV[10] what the throttling concerns: 'mailbox' | 'server' | ''; it is held for the delay, for the reason in ARGV[13]
-- ARGV[11] most items to release
-- ARGV[12] result for the audit: a word such as answered        ARGV[13] the reason as the audit may have it
-- ARGV[14] longest delay of a 'left'   ARGV[15] fingerprint of the policy by which it was left
-- ARGV[16] why it waits for a person, in a word; '' where it does not
-- ARGV[17] '1' where nothing came of what it began, for its message was gone: what is remembered of its topic says so
-- ARGV[18] shortest delay of a 'left' where that is another policy than the one of the scan that offered it
-- ARGV[19+] more to count: label, by
-- returns  { 'done' | 'left' | 'dead' | 'later' | 'pending' | 'replay' | 'lost', { released, ... } }
-- replay   is recognised by its generation and changes nothing

local id, generation, how, label, reason = ARGV[2], ARGV[3], ARGV[5], ARGV[6], ARGV[7]
local delay, hold = number(ARGV[8]), ARGV[10]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'attempts', 'finished',
  'facts', 'open', 'charged', 'looks', 'topic', 'asked', 'throttled')
local mailbox, server = f[4], f[5]
if f[8] == generation then return { 'replay', release(number(ARGV[11])) } end
if f[1] ~= 'running' or f[2] ~= generation or f[3] ~= ARGV[4] then return { 'lost', release(number(ARGV[11])) } end

if not (mailbox and server and f[6]) then
  quarantine_item(id, 'item-incomplete', mailbox, server)
  return { 'lost', release(number(ARGV[11])) }
end

-- How often in a row an item may wait without holding anything, and how often it may hold its mailbox or server although
-- others got through there since it did so before: then it is the item that is the matter. A stranger has a say in it.
local MOST_WAITS, MOST_PASSED = 100, 3

-- Whether this turn costs no attempt. What keeps everybody waiting may do so for as long as it takes, for status shows it.
local function spared()
  if how ~= 'throttled' then return how == 'held' end
  if hold == '' then return redis.call('HINCRBY', item, 'waits', 1) <= MOST_WAITS end
  local went = number(redis.call('HGET', P .. ':' .. hold .. ':' .. (hold == 'server' and server or mailbox), 'went'))
  local passed = f[15] and went > number(f[15]) and redis.call('HINCRBY', item, 'passed', 1) or 0
  redis.call('HSET', item, 'throttled', NOW)
  return passed <= MOST_PASSED
end

if not spared() then
  redis.call('HDEL', item, 'waits', 'passed', 'throttled')
  if how == 'throttled' then how, hold = 'later', '' end
end

local scan = redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id

-- What the audit records of it. A scan changes nothing, so only that it failed is worth a record; a pause has failed
-- nothing; and what a busy server turned away is a failure only where a side effect had been intended.
local function tell(state)
  local item, step = { id, f[9], server, f[7] }, open_step(f[10])
  local result, text = ARGV[12], ARGV[13]
  if state == 'dead' then
    audit('dead', item, { step = step, result = how == 'later' and 'exhausted' or result, reason = text })
  elseif how == 'later' or (how == 'throttled' and f[11] == '1' and step ~= '') then
    audit('failed', item, { step = step, result = how, reason = text })
  elseif (state == 'done' or state == 'left') and not scan then
    audit('done', item, { step = step, result = result, note = text })
  end
end

-- Only that it was done is remembered; the rest would be most of what Redis holds. Made anew, because a hash that once
-- held a long value keeps the roomy form.
local function remember(state, seconds, ...)
  redis.call('DEL', item)
  redis.call('HSET', item, 'state', state, 'generation', generation, 'finished', generation, 'mailbox', mailbox,
    'attempts', f[7] or 0, ...)
  redis.call('EXPIRE', item, seconds)
  if not scan then
    redis.call('ZREM', unfinished_key(server), id)
    redis.call('HSET', P .. ':server:' .. server, 'last:' .. ARGV[12], NOW)
  end
end

-- As Settled.to_text() writes it, and as long as nobody else has settled the topic since.
local function take_back_memory()
  local key = topic_key(mailbox, f[13])
  local known = decoded(redis.call('GET', key))
  if not known or known[1] ~= id then return end
  known[2] = 'gone'
  redis.call('SET', key, cjson.encode(known), 'EX', math.max(1, redis.call('TTL', key)))
end

local function leave_alone()
  local looks = number(f[12])
  local again = math.min(number(ARGV[14], delay), delay * 2 ^ math.min(looks, 40))
  -- Longer than until then: a scan comes only after that, and the next delay follows from this one.
  remember('left', math.max(number(ARGV[9]), math.ceil(2 * again / 1000000)), 'server', server, 'reason', reason,
    'policy', ARGV[15], 'again', NOW + again, 'again_in', again, 'looks', looks + 1)
  if f[14] and f[14] ~= ARGV[15] then redis.call('HSET', item, 'soonest', NOW + number(ARGV[18])) end
  if ARGV[16] ~= '' then
    redis.call('HSET', onhold_key(mailbox), id, ARGV[16])
    if redis.call('TTL', onhold_key(mailbox)) < number(ARGV[9]) then
      redis.call('EXPIRE', onhold_key(mailbox), ARGV[9])
    end
  end
end

if how ~= 'held' then charge(id, mailbox, server) end
give_back(id, mailbox, server, f[6])
redis.call('HSET', item, 'finished', generation, 'reason', reason)
count(label, 1, server)
if ARGV[17] == '1' and f[13] then take_back_memory() end
for i = 19, #ARGV, 2 do count(ARGV[i], ARGV[i + 1], server) end
if how == 'throttled' or how == 'held' then redis.call('HINCRBY', item, 'attempts', -1) end
if how == 'done' or how == 'left' then
  for _, key in ipairs({ P .. ':mailbox:' .. mailbox, P .. ':server:' .. server }) do redis.call('HSET', key, 'went', NOW) end
end
if hold ~= '' then hold_back(hold, hold == 'server' and server or mailbox, delay, ARGV[13]) end

local state = how
-- One that holds everybody up a second time in a row comes again well after them, so that it shows whether it is alone.
local hinders = how == 'throttled' and hold ~= '' and f[15]
if how == 'held' or (how == 'throttled' and hold ~= '' and not hinders) then
  state = 'pending'
  to_pending(id, mailbox)
elseif how == 'dead' or (how == 'later' and number(f[7]) >= ATTEMPTS) then
  state = 'dead'
  to_dead(id, server, reason)
elseif how == 'done' then
  remember('done', ARGV[9])
  if scan then redis.call('HSET', P .. ':mailbox:' .. mailbox, 'scanned', NOW) end
elseif how == 'left' then
  leave_alone()
else
  state = 'later'
  local wait = hinders and 2 * delay or delay
  redis.call('HSET', item, 'state', 'later', 'later_in', wait)
  tally(server, 'later', 1)
  redis.call('ZADD', P .. ':later', NOW + wait, id)
end
if scan and state ~= 'later' and state ~= 'pending' then redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan') end
if scan and state == 'done' and (decoded(f[9]) or {})[1] == 'scan' then
  if redis.call('HLEN', P .. ':decided:' .. mailbox) <= FORGOTTEN_AT_ONCE then
    forget_unseen(mailbox, id, '0')
  else
    redis.call('HSET', P .. ':forgetting', mailbox, '0 ' .. id)  -- by forget_gone.lua, in steps
  end
end
tell(state)
place(mailbox)
return { state, release(number(ARGV[11])) }
