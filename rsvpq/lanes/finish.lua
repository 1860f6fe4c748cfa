-- End a running item, and refill the slots that it held in the same call.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   generation
-- ARGV[4]   owner
-- ARGV[5]   how: 'done' | 'dead'
--           | 'left' (left alone, to be examined again)
--           | 'later' (again after a delay; dead when the attempts are used up)
--           | 'throttled' (as later, but the attempt is not counted, within the bounds of spared(); if a hold is set,
--           the item waits in its lane for the end of it, and the next times twice as long)
--           | 'held' (back to the head of the lane; the attempt is not counted)
-- ARGV[6]   label to count the item under, such as done:answered
-- ARGV[7]   reason, one line for the operator
-- ARGV[8]   delay of 'later' and 'throttled', microseconds; of 'left' the first delay, doubled each time
-- ARGV[9]   how long a done item is remembered, seconds
-- ARGV[10]  what to hold: 'mailbox' | 'server' | ''; for the delay in ARGV[8], with the reason in ARGV[13]
-- ARGV[11]  most items to release
-- ARGV[12]  result for the audit, one word such as answered
-- ARGV[13]  reason for the audit
-- ARGV[14]  longest delay of 'left', microseconds
-- ARGV[15]  fingerprint of the policy by which the item was left alone
-- ARGV[16]  why the message waits for a person, one word; '' if it does not
-- ARGV[17]  '1' if nothing came of what was begun, because the message was gone; the memory of the topic is marked
-- ARGV[18]  shortest delay of 'left', microseconds, if the scan that offered the item had another policy
-- ARGV[19]  '1' if the server may be at fault, so that this counts for its breaker: see broke()
-- ARGV[20]  of a scan of the Inbox that succeeded: how many messages it found; '' for anything else
-- ARGV[21]  how many of these it held back over a cap
-- ARGV[22]  how many it could not read
-- ARGV[23]  how many it left alone by reason, JSON
-- ARGV[24]  over which cap those of ARGV[21] were held back; '' for none
-- ARGV[25+] label, number for each further count
-- Returns   { state, { released, ... }, hold } with state 'done' | 'left' | 'dead' | 'failed' (a scan that is given
--           up) | 'later' | 'pending' | 'replay' | 'lost', the released items as in release.lua, and for how many microseconds the breaker holds the work because of
--           this failure; without the last one if it does not
-- Replay    is recognized by its generation, returns 'replay' and changes nothing but what it releases

local id, generation, how, label, reason = ARGV[2], ARGV[3], ARGV[5], ARGV[6], ARGV[7]
local delay, hold = number(ARGV[8]), ARGV[10]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'attempts', 'finished',
  'facts', 'open', 'charged', 'looks', 'topic', 'asked', 'throttled', 'work')
local mailbox, server, work = f[4], f[5], f[16] or ''
if f[8] == generation then return { 'replay', release(number(ARGV[11])) } end
if f[1] ~= 'running' or f[2] ~= generation or f[3] ~= ARGV[4] then return { 'lost', release(number(ARGV[11])) } end

if not (mailbox and server and f[6]) then
  quarantine_item(id, 'item-incomplete', mailbox, server)
  return { 'lost', release(number(ARGV[11])) }
end

-- So many failures of a work in a row, in so many mailboxes, with nothing of it done in between, are an outage of the server
-- and not the fault of an item. The work is then held, shortly at first and never so long that the return of the server goes
-- unnoticed for minutes; the attempts are not charged. A success of another work proves nothing: a server may find messages
-- and answer none. But a mailbox where another work fails is one of those that are counted.
local MOST_FAILURES, FEWEST_MAILBOXES, FIRST_BREAK, LONGEST_BREAK = 6, 3, 15000000, 30000000

-- Note that the work fails in this mailbox; return in how many it or another work of the server fails.
local function note_failing(breakers)
  local own, is_counted, count, is_known = {}, {}, 0, false
  for other, one in pairs(breakers) do
    for _, name in ipairs(type(one.failing) == 'table' and one.failing or {}) do
      if other == work then own[#own + 1], is_known = name, is_known or name == mailbox end
      if not is_counted[name] then is_counted[name], count = true, count + 1 end
    end
  end
  breakers[work].failing = own
  if not is_known and #own < FEWEST_MAILBOXES then own[#own + 1] = mailbox end
  return is_counted[mailbox] and count or count + 1
end

-- Count a failure; return for how long the work is held because of it, and why; nothing if it is not.
local function broke()
  local breakers = breakers_of(redis.call('HGET', P .. ':server:' .. server, 'breaker'))
  local one = breakers[work] or {}
  breakers[work] = one
  one.failures = number(one.failures) + 1
  local breaking = note_failing(breakers) >= FEWEST_MAILBOXES and one.failures >= MOST_FAILURES
  -- What was in flight when the work was held shares the hold.
  local wait = broken_until(breakers, work) - NOW
  if breaking and wait <= 0 then
    local breaks = number(one.breaks)
    wait = math.min(LONGEST_BREAK, FIRST_BREAK * 2 ^ math.min(breaks, 10))
    one.breaks, one.trial = breaks + 1, nil
    one.hold, one.hold_for = string.format('%.0f', NOW + wait), wait
    one.why = one.failures .. ' failures in a row, in several mailboxes; the last: ' .. ARGV[13]
  end
  store_breakers(server, breakers)
  if breaking then return wait, one.why end
end

-- The results of items that are done although nothing of their work was: a probe has found the mailbox closed, and says of it
-- what a failed scan does; a message was gone.
local NOT_OPENED, GONE = 'not-opened', 'gone'

-- Note that the work was done: there is no outage, or it is over.
local function mend()
  if ARGV[12] == NOT_OPENED or ARGV[12] == GONE then return end
  local key = P .. ':server:' .. server
  redis.call('HSET', key, 'went:' .. work, NOW)
  local breakers = breakers_of(redis.call('HGET', key, 'breaker'))
  if breakers[work] then
    breakers[work] = nil
    store_breakers(server, breakers)
  end
end

local broken
if how == 'later' and ARGV[19] == '1' then
  local wait, why = broke()
  if wait then how, label, delay, hold, broken = 'throttled', 'throttled', wait, 'server', why end
end

-- How often in a row an item may wait without setting a hold, and how often it may hold its mailbox or server although
-- other items succeeded there since its last hold (on a server, of the same work): then the item is the cause, and its
-- content comes from outside.
local MOST_WAITS, MOST_PASSED = 100, 3

-- Return whether this turn costs no attempt. A server that stops all items may do so without a bound; status shows it.
local function spared()
  if how ~= 'throttled' then return how == 'held' end
  if hold == '' then return redis.call('HINCRBY', item, 'waits', 1) <= MOST_WAITS end
  local party = hold == 'server' and { P .. ':server:' .. server, 'went:' .. work } or { P .. ':mailbox:' .. mailbox, 'went' }
  local went = number(redis.call('HGET', party[1], party[2]))
  local passed = f[15] and went > number(f[15]) and redis.call('HINCRBY', item, 'passed', 1) or 0
  redis.call('HSET', item, 'throttled', NOW)
  return passed <= MOST_PASSED
end

if not spared() then
  redis.call('HDEL', item, 'waits', 'passed', 'throttled')
  if how == 'throttled' then how, hold, broken = 'later', '', nil end
end

local scan = redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id

-- Note at the mailbox what became of its scan; return whether it failed and the last one did not, or otherwise. Since the
-- first failure of a row is stored when and why, for those who ask which mailboxes are not well.
local function note_scan(state)
  local key = P .. ':mailbox:' .. mailbox
  if state == 'done' and ARGV[12] ~= NOT_OPENED then
    redis.call('HDEL', key, 'failed', 'failed_why')
    if ARGV[20] == '' then return false end  -- it only reported, or looked for drafts: what waits in the Inbox still does
    redis.call('HSET', key, 'scanned', NOW, 'found', ARGV[20], 'capped', ARGV[21], 'unreadable', ARGV[22],
      'skipped', ARGV[23])
    if number(ARGV[21]) > 0 then
      redis.call('HSET', key, 'cap', ARGV[24])
      redis.call('HSETNX', key, 'capped_at', NOW)
    else
      redis.call('HDEL', key, 'cap', 'capped_at')
    end
  elseif state ~= 'left' and how ~= 'held' then
    local before = redis.call('HMGET', key, 'failed', 'failed_why')
    -- The text before the colon is the name of the error; what follows differs each time, in seconds for instance.
    local first = not before[1] or string.match(before[2] or '', '^[^:]*') ~= string.match(ARGV[13], '^[^:]*')
    redis.call('HSET', key, 'failed', first and NOW or before[1], 'failed_why', ARGV[13])
    return first
  end
  return false
end

-- Record the end of the item in the audit. A scan changes nothing, so it is recorded only if it failed; a pause is not
-- a failure; and being turned away by a busy server is one if an effect was intended, or for the first scan of a row.
--   first  whether this is a scan that fails, and the last one of the mailbox did not
local function tell(state, first)
  local item, step = { id, f[9], server, f[7] }, open_step(f[10])
  local result, text = ARGV[12], ARGV[13]
  if state == 'dead' or state == 'failed' then
    audit(state, item, { step = step, result = how == 'later' and 'exhausted' or result, reason = text })
  elseif how == 'later' or (how == 'throttled' and (first or (f[11] == '1' and step ~= ''))) then
    audit('failed', item, { step = step, result = how, reason = text })
  elseif (state == 'done' or state == 'left') and not scan then
    audit('done', item, { step = step, result = result, note = text })
  end
end

-- Keep only the fact that the item ended; the rest would fill most of Redis. The hash is made anew, because one that
-- has held a long value keeps its larger encoding.
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

-- Mark the memory of the topic, as Settled.to_text() writes it, unless another item has settled the topic since.
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
  -- Kept longer than the delay: the scan comes after it, and the next delay is computed from this one.
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
for i = 25, #ARGV, 2 do count(ARGV[i], ARGV[i + 1], server) end
if how == 'throttled' or how == 'held' then redis.call('HINCRBY', item, 'attempts', -1) end
if how == 'done' or how == 'left' then redis.call('HSET', P .. ':mailbox:' .. mailbox, 'went', NOW) end
if how == 'done' then mend() end
if hold ~= '' and not broken then hold_back(hold, hold == 'server' and server or mailbox, delay, ARGV[13]) end

local state = how
-- An item that sets a hold twice in a row comes well after the others, to show whether it is the only cause.
local hinders = how == 'throttled' and hold ~= '' and f[15]
if how == 'held' or (how == 'throttled' and hold ~= '' and not hinders) then
  state = 'pending'
  to_pending(id, mailbox)
elseif how == 'dead' or (how == 'later' and number(f[7]) >= ATTEMPTS) then
  state = give_up(id, mailbox, server, reason)
elseif how == 'done' then
  remember('done', ARGV[9])
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
tell(state, scan and note_scan(state))
place(mailbox)
return { state, release(number(ARGV[11])), broken and delay }
