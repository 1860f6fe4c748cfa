-- What every lane script stands on. It is put in front of each of them, since Redis scripts cannot require one another.
--
-- KEYS[1]  the hash tag of the namespace, such as {rsvpq}; every other key is made from it, so all live in one slot
-- ARGV[1]  microseconds to take for the time, or 0 for Redis' own clock (anything else is for tests)
--
-- Times and intervals are microseconds. An item is in exactly one state:
--   pending -> released -> running -> done | left | later | dead,   later | left -> pending,
--   an expired lease -> pending | dead
--
-- A slot (mailbox, server and pool) is taken at release and given back once per generation. The pace is GCRA, charged
-- when the item is about to press the server; from release until then the item holds a reservation:
--   a release is allowed while  max(tat - now, 0) + interval * reserved <= (burst - 1) * interval
-- so however long released items dwell in the broker, and even if all of them then start at once, the pace is kept.

-- Whatever is in Redis may be broken: deleted, evicted, of another type, written by somebody else. A script that fails in
-- its middle leaves half a change, so none may fail there: a key of another type is set aside and taken for missing, text
-- that is no number is one of no weight, and what an item must have is looked at before anything is changed. All that is
-- found broken is counted and named under `broken`.

local P = KEYS[1]
-- The most broken records that are named, and for how many seconds a key that was set aside is kept.
local MOST_NAMED_BROKEN, KEPT_ASIDE = 1000, 30 * 86400
-- No time or limit of ours is this large: in microseconds thirty years from the epoch on are less.
local FAR = 2 ^ 53

-- The number in a text; what is none, or endless, is the default.
local function number(text, default)
  local n = tonumber(text or '')
  if not n or n ~= n or n > FAR or n < -FAR then return default or 0 end
  return n
end

local function positive(text, default)
  local n = number(text)
  return n > 0 and n or default
end

local NOW = number(ARGV[1])
if NOW == 0 then
  local clock = redis.call('TIME')
  NOW = clock[1] * 1000000 + clock[2]
end

local api = redis

-- Count a broken record, and name it while there are not too many. Fails never, as all else depends on it.
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

-- The mailbox that each topic's key is of.
local topic_owner = {}

-- What was settled in a mailbox is not certainly remembered any more; see vouched().
local function distrust(mailbox)
  if mailbox then
    api.pcall('HDEL', P .. ':mailbox:' .. mailbox, 'remembers')
  else
    -- Where the number is lost, one that no mailbox can remember from before.
    local first = string.format('%.0f', NOW)
    api.pcall('HSETNX', P .. ':cfg', 'start', first)
    local counted = api.pcall('HINCRBY', P .. ':cfg', 'start', 1)
    if type(counted) == 'table' then api.pcall('HSET', P .. ':cfg', 'start', first) end
  end
end

-- Take a key out of the way, so that what is in it can be looked at, and what should be there made anew. One of another
-- namespace, such as Celery's, keeps its whole name.
local function set_aside(key, why)
  local is_own = string.sub(key, 1, #P + 1) == P .. ':'
  local name = is_own and string.sub(key, #P + 2) or key
  api.call('RENAME', key, P .. ':aside:' .. name)
  api.call('EXPIRE', P .. ':aside:' .. name, KEPT_ASIDE)
  note_broken(name, why)
  if topic_owner[key] then distrust(topic_owner[key]) end
end

local function mended(failure, ...)
  local command, key, field = ...
  if string.find(failure, 'WRONGTYPE', 1, true) then
    set_aside(key, 'wrong-type')
  elseif command == 'HINCRBY' then
    note_broken(string.sub(key, #P + 2) .. '[' .. field .. ']', 'wrong-field')
    api.call('HSET', key, field, 0)
  elseif command == 'XADD' and not string.find(failure, 'OOM', 1, true) then
    set_aside(key, 'stream-ended')
  end
  return api.call(...)
end

-- In every script, a key of another type is a missing one; other failures, such as of a Redis that is full, stay failures.
local redis = {}
function redis.call(...)
  local answer = api.pcall(...)
  if type(answer) == 'table' and answer.err then return mended(answer.err, ...) end
  return answer
end

local CFG = {}
do
  local fields = { 'interval', 'burst', 'concurrency', 'weight', 'release_lease', 'run_lease', 'attempts',
    'server_share' }
  local values = redis.call('HMGET', P .. ':cfg', 'paused', unpack(fields))
  CFG.paused = values[1] or false
  for i, field in ipairs(fields) do CFG[field] = positive(values[i + 1], false) end
end
-- Where they are lost, nothing that runs may be taken for lost because of it, nor given up.
local RELEASE_LEASE, RUN_LEASE = CFG.release_lease or 600000000, CFG.run_lease or 600000000
local ATTEMPTS = CFG.attempts or math.huge

local function item_key(id) return P .. ':item:' .. id end
local function lane_key(mailbox) return P .. ':lane:' .. mailbox end
-- What was settled belongs to the mailbox, whatever name led to it: it goes by the mailbox's identity (see claim.lua),
-- and by the name only where its server shows none.
local function topic_key(mailbox, topic)
  local key = P .. ':topic:' .. (redis.call('HGET', P .. ':mailbox:' .. mailbox, 'identity') or mailbox) .. ':' .. topic
  topic_owner[key] = mailbox
  return key
end
-- Of each message that waits for a person: why.
local function onhold_key(mailbox) return P .. ':onhold:' .. mailbox end
local function gate_key(gate) return P .. ':ready:' .. gate end

-- Until when something is held: never longer than the hold itself was, also where the clock has gone back since.
local LONGEST_HOLD = 86400000000
local function held_until(hold, length)
  return math.min(number(hold), NOW + positive(length, LONGEST_HOLD))
end

-- The limits and the present load of a mailbox or a server ('mailbox', name | 'server', name). A limit that an operator
-- set at run time (live_*) goes before the configured one, and that before the default.
--   reading  whether nothing may be changed
-- A stamp of the pace that is farther away than the pace could have brought it comes from a slower pace, or from a clock
-- that has gone back; a hold, from such a clock. Both are put where they may be at most.
local function look_up(scope, name, reading)
  local key = P .. ':' .. scope .. ':' .. name
  local v = redis.call('HMGET', key, 'n', 'reserved', 'tat', 'hold', 'paused', 'live_interval', 'live_burst',
    'live_concurrency', 'interval', 'burst', 'concurrency', 'weight', 'server', 'where', 'hold_for', 'hold_why')
  local interval = positive(v[6], positive(v[9], CFG.interval or 1))
  local burst = positive(v[7], positive(v[10], CFG.burst or 1))
  local tat, hold = number(v[3], FAR), held_until(v[4], v[15])
  if not v[3] then tat = 0 end
  if tat > NOW + burst * interval then
    tat = NOW + burst * interval
    if not reading then redis.call('HSET', key, 'tat', tat) end
  end
  if hold < number(v[4]) and not reading then redis.call('HSET', key, 'hold', hold) end
  return {
    key = key,
    n = number(v[1]), reserved = number(v[2]), tat = tat, hold = hold, paused = v[5],
    interval = interval, burst = burst,
    concurrency = positive(v[8], positive(v[11], CFG.concurrency or 1)),
    weight = positive(v[12], CFG.weight or 1),
    server = v[13], where = v[14] or '', hold_why = v[16],
  }
end

-- When the pace and the hold let one more be released; nil where only a charge or a returned slot can make room.
local function earliest(l)
  local slack = (l.burst - 1 - l.reserved) * l.interval
  if slack < 0 then return nil end
  return math.max(l.hold, l.tat - slack)
end

-- Whether an operator paused it, or its server asked to be left alone, after it was released.
local function stopped(mailbox, server)
  if CFG.paused then return true end
  for _, key in ipairs({ P .. ':mailbox:' .. mailbox, P .. ':server:' .. server }) do
    local v = redis.call('HMGET', key, 'paused', 'hold', 'hold_for')
    if v[1] or held_until(v[2], v[3]) > NOW then return true end
  end
  return false
end

-- For how many seconds back all that was settled in the mailbox is remembered here. A Redis that was started anew may
-- have lost the last of it, or everything: then somebody has to look into the mailbox, and says so by remember.lua.
local function vouched(mailbox)
  local start = redis.call('HGET', P .. ':cfg', 'start')
  local v = redis.call('HMGET', P .. ':mailbox:' .. mailbox, 'remembers', 'remembers_s')
  return start and v[1] == start and number(v[2]) or 0
end

-- Leave a mailbox or a server alone for so long, and say why; a longer hold with its reason stays. The reason is cut by
-- whoever gives it: here a cut would go through the middle of a character.
local function hold_back(scope, name, delay, why)
  local key, till = P .. ':' .. scope .. ':' .. name, NOW + delay
  local v = redis.call('HMGET', key, 'hold', 'hold_for')
  if till < held_until(v[1], v[2]) then return end
  redis.call('HSET', key, 'hold', till, 'hold_for', delay, 'hold_why', why)
end

-- The reason of a hold that has ended by itself tells nothing any more.
local function forget_why(l)
  if l.hold_why and l.hold <= NOW then redis.call('HDEL', l.key, 'hold_why') end
end

-- Counted over all, and for the server.
local function count(label, by, server)
  redis.call('HINCRBY', P .. ':counts', label, by or 1)
  if server then redis.call('HINCRBY', P .. ':counts:' .. server, label, by or 1) end
end

-- How many of a server's items are in a state that no other key tells by server: 'later' or 'dead'.
local function tally(server, state, by)
  if server then redis.call('HINCRBY', P .. ':server:' .. server, state, by) end
end

-- The messages of a server that were offered and are not final, by the time of their offer: the lag is read from it.
-- A dead one keeps that time itself.
local function unfinished_key(server) return P .. ':unfinished:' .. (server or '') end

-- One less in flight, or reserved; where it was none, the counter had lost its value.
local function lessen(key, field)
  if redis.call('HINCRBY', key, field, -1) >= 0 then return end
  note_broken(string.sub(key, #P + 2) .. '[' .. field .. ']', 'below-zero')
  redis.call('HSET', key, field, 0)
end

-- An item that cannot be worked leaves the ledger, and what there is of it is kept aside: if its message is still there,
-- the next scan offers it anew. What it had begun may be known by nobody else, so somebody looks into the mailbox first.
--   idle  whether certainly nobody works on it; else it stays in flight until its lease ends, and is not offered before
local function quarantine(id, why, mailbox, server, idle)
  if idle then redis.call('ZREM', P .. ':inflight', id) end
  for _, key in ipairs({ ':later', ':dead' }) do redis.call('ZREM', P .. key, id) end
  if server then redis.call('ZREM', unfinished_key(server), id) end
  if mailbox then
    redis.call('LREM', lane_key(mailbox), 1, id)
    if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
      redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
    end
  end
  if string.sub(id, 1, 5) ~= 'scan-' then distrust(mailbox) end
  if redis.call('EXISTS', item_key(id)) == 1 then
    set_aside(item_key(id), why)
  else
    note_broken('item:' .. id, why)
  end
end

-- Whether it has ended, and only that is remembered of it: it stands in no lane and in no set.
local function is_remembered(state) return state == 'done' or state == 'left' or state == 'dropped' end

local PLACE_OF = { released = ':inflight', running = ':inflight', later = ':later', dead = ':dead' }

-- The first entry of a lane was taken off, for it is no pending item of this mailbox. The item itself, if there is one,
-- stands where it belongs, or is found by mend.lua.
--   f  its state, mailbox, pool, server, work
local function judge_entry(id, mailbox, f)
  local state = f[1]
  if not f[3] or not f[5] then
    if is_remembered(state) then
      return note_broken('lane:' .. mailbox .. '[' .. id .. ']', 'foreign-member')
    end
    return quarantine(id, redis.call('EXISTS', item_key(id)) == 1 and 'item-incomplete' or 'item-missing',
      f[2] or mailbox, f[4])
  end
  local elsewhere = PLACE_OF[state] and redis.call('ZSCORE', P .. PLACE_OF[state], id)
  if elsewhere or (f[2] and f[2] ~= mailbox) then
    return note_broken('lane:' .. mailbox .. '[' .. id .. ']', 'foreign-member')
  end
  note_broken('item:' .. id .. '[state]', 'wrong-field')
  redis.call('HSET', item_key(id), 'state', 'pending', 'mailbox', mailbox)
  redis.call('LPUSH', lane_key(mailbox), id)
end

-- The first item of a lane, its pool and its server; nil where there is none. Entries that are none are taken off, so
-- many at most; then the last answer is true.
local MOST_JUDGED = 20
local function head_of(mailbox)
  local lane = lane_key(mailbox)
  for _ = 1, MOST_JUDGED do
    local id = redis.call('LINDEX', lane, 0)
    if not id then return nil end
    local f = redis.call('HMGET', item_key(id), 'state', 'mailbox', 'pool', 'server', 'work')
    if f[1] == 'pending' and f[2] == mailbox and f[3] and f[5] then return id, f[3], f[4] end
    redis.call('LPOP', lane)
    judge_entry(id, mailbox, f)
  end
  return nil, nil, nil, true
end

-- What is in flight: how many items, and how many of them not charged, by the key of the mailbox, server and pool. Nil
-- where there are too many to be counted in one call.
local MOST_COUNTED = 2000
local function count_in_flight()
  if redis.call('ZCARD', P .. ':inflight') > MOST_COUNTED then return nil end
  local n, reserved = {}, {}
  for _, id in ipairs(redis.call('ZRANGE', P .. ':inflight', 0, -1)) do
    local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'pool', 'charged')
    for i, kind in ipairs({ 'mailbox:', 'server:', 'pool:' }) do
      if f[i] then
        n[kind .. f[i]] = (n[kind .. f[i]] or 0) + 1
        if f[4] ~= '1' then reserved[kind .. f[i]] = (reserved[kind .. f[i]] or 0) + 1 end
      end
    end
  end
  return n, reserved
end

-- A mailbox whose record is gone, or names a server that there is not, is worked where its items say; its limits and its
-- pause come back with the next scan, or not at all.
local function restore(mailbox, m, server)
  local is_known = m.server and redis.call('SISMEMBER', P .. ':servers', m.server) == 1
  if is_known or not server or server == m.server then return end
  if m.server and redis.call('SISMEMBER', P .. ':servers', server) == 0 then return end
  if m.server then
    note_broken('mailbox:' .. mailbox .. '[server]', 'wrong-field')
  else
    note_broken('mailbox:' .. mailbox, 'record-missing')
    local n, reserved = count_in_flight()
    m.n, m.reserved = n and n['mailbox:' .. mailbox] or 0, n and reserved['mailbox:' .. mailbox] or 0
    redis.call('HSET', m.key, 'n', m.n, 'reserved', m.reserved)
  end
  m.server = server
  redis.call('HSET', m.key, 'server', server)
end

-- An item between two attempts waits no longer than its delay is, also where the clock has gone back since.
local function bound_delay(id)
  local due = redis.call('ZSCORE', P .. ':later', id)
  local f = redis.call('HMGET', item_key(id), 'state', 'later_in')
  local state, length = f[1], f[2]
  if not state and redis.call('EXISTS', item_key(id)) == 0 then return quarantine(id, 'item-missing') end
  local home = PLACE_OF[state]
  local is_elsewhere = home and home ~= ':later' and redis.call('ZSCORE', P .. home, id)
  if is_elsewhere or is_remembered(state) then
    redis.call('ZREM', P .. ':later', id)
    return note_broken('later[' .. id .. ']', 'foreign-member')
  end
  if due and length and number(due, FAR) > NOW + number(length) then
    redis.call('ZADD', P .. ':later', NOW + number(length), id)
  end
end

-- Virtual times count releases; what is larger than there ever were is none.
local function virtual(text)
  local n = number(text)
  return n > 0 and n < 2 ^ 40 and n or 0
end

-- Put the mailbox where its state says it belongs: at its server's gate, waiting for a time, or nowhere until an event.
-- Called after everything that happens to a mailbox, so that nothing can be forgotten in the wrong place.
local function place(mailbox)
  local m = look_up('mailbox', mailbox)
  forget_why(m)
  if m.where == 'wait' then
    redis.call('ZREM', P .. ':wait', mailbox)
  elseif string.sub(m.where, 1, 6) == 'ready:' then
    redis.call('ZREM', gate_key(string.sub(m.where, 7)), mailbox)
  end
  local head, pool, server, more = head_of(mailbox)
  if head then restore(mailbox, m, server) end
  local at = earliest(m)
  local where = ''
  if more then
    where = 'wait'
    redis.call('ZADD', P .. ':wait', NOW, mailbox)
  elseif not head or not m.server then
    where = ''
  elseif m.paused then
    where = 'paused'
  elseif m.n >= m.concurrency or not at then
    where = 'busy'
  elseif at > NOW then
    where = 'wait'
    redis.call('ZADD', P .. ':wait', at, mailbox)
  else
    -- A gate is one server and one pool of workers. Each keeps its own virtual time, and a mailbox enters at no less
    -- than that, so that neither idling nor being held by its own pace earns credit.
    local gate = m.server .. ':' .. pool
    local own = virtual(redis.call('HGET', m.key, 'vt:' .. gate))
    local V = virtual(redis.call('HGET', P .. ':clock', gate))
    where = 'ready:' .. gate
    redis.call('ZADD', gate_key(gate), math.max(own, V), mailbox)
    redis.call('SADD', P .. ':gates', gate)
  end
  if where ~= m.where then redis.call('HSET', m.key, 'where', where) end
end

-- The item has pressed the server, or is about to: its reservation becomes a charge to both paces. Once per generation;
-- says whether this was the time.
local function charge(id, mailbox, server)
  if redis.call('HGET', item_key(id), 'charged') == '1' then return false end
  redis.call('HSET', item_key(id), 'charged', '1')
  for _, l in ipairs({ look_up('mailbox', mailbox), look_up('server', server) }) do
    -- Under a pace that has changed since the release it may be one too many; a full burst is all that is ever owed.
    local tat = math.min(math.max(l.tat, NOW) + l.interval, NOW + l.burst * l.interval)
    redis.call('HSET', l.key, 'reserved', math.max(0, l.reserved - 1), 'tat', tat)
  end
  return true
end

-- How many items of one server may be in flight in a pool: a part of the threads of all its workers, and fewer than the
-- smallest of them has, so that a server that keeps whoever asks it never has a whole worker; but one in any case.
local function share(pool)
  local part = number(CFG.server_share, 100)
  if part >= 100 then return math.huge end
  local v = redis.call('HMGET', P .. ':pools', 'threads:' .. pool, 'smallest:' .. pool)
  return math.max(1, math.min(math.floor(number(v[1]) * part / 100), number(v[2]) - 1))
end

-- How many it has.
local function shared(server, pool) return number(redis.call('HGET', P .. ':server:' .. server, 'n:' .. pool)) end

-- When the newest release of a pool was made of which a worker is known to have taken the item.
local function taken(pool) return number(redis.call('HGET', P .. ':pools', 'taken:' .. pool)) end

-- The gates at which this call has made room.
local near = {}

-- Take the item out of flight: slots back, and the reservation too where it was never charged.
local function give_back(id, mailbox, server, pool)
  redis.call('ZREM', P .. ':inflight', id)
  local f = redis.call('HMGET', item_key(id), 'charged', 'state', 'since', 'shared')
  for _, key in ipairs({ P .. ':mailbox:' .. mailbox, P .. ':server:' .. server }) do
    lessen(key, 'n')
    if f[1] ~= '1' then lessen(key, 'reserved') end
  end
  lessen(P .. ':pools', pool)
  if f[4] then lessen(P .. ':server:' .. server, 'n:' .. pool) end
  near[#near + 1] = server .. ':' .. pool
  if f[2] == 'running' and number(f[3]) > taken(pool) then
    redis.call('HSET', P .. ':pools', 'taken:' .. pool, f[3])
  end
  redis.call('HDEL', item_key(id), 'owner', 'charged', 'since', 'unstarted', 'refused', 'shared')
end

-- The table that a JSON text is; nil where it is none.
local function decoded(text)
  local ok, found = pcall(cjson.decode, text or '')
  return ok and type(found) == 'table' and found or nil
end

-- The last millisecond of the year 9999.
local LAST_MS = 253402300799999

-- One record of the audit; its time is its id, on Redis' clock. Every record has every field in this order, the empty
-- ones too: so the stream keeps the names once per node, where records of different fields would each carry theirs.
--   item    { id, facts, server, attempt }; the facts were made when the item was offered, so that nothing is looked up,
--           and what is hidden was hidden before it came here
--   record  what else is to be told, by field
local function audit(event, item, record)
  local facts = decoded(item[2]) or {}
  for i = 1, 8 do facts[i] = type(facts[i]) == 'table' and '' or tostring(facts[i] or '') end
  local fields = { 'event', event, 'item', item[1], 'kind', facts[1] or '',
    'mailbox', facts[2] or '', 'server', item[3] or '', 'run', facts[3] or '', 'uid', facts[4] or '',
    'organizer', facts[5] or '', 'subject', facts[6] or '', 'start', facts[7] or '', 'occurrence', facts[8] or '',
    'decision', record.decision or '', 'rule', record.rule or '', 'reason', record.reason or '',
    'step', record.step or '', 'attempt', item[4] or '', 'result', record.result or '', 'note', record.note or '',
    'who', record.who or '' }
  local id = redis.call('XADD', P .. ':audit', '*', unpack(fields))
  -- Beyond all calendars there is an entry of somebody else's, and whatever came after it would have its time.
  if number(string.match(id, '^%d+'), FAR) <= LAST_MS then return end
  set_aside(P .. ':audit', 'stream-ended')
  redis.call('XADD', P .. ':audit', '*', unpack(fields))
end

-- Tell the audit decisions on messages of one mailbox: those that are new, or other than the last ones; says how many.
--   first   where in ARGV the scan begins: its item id ('' where a worker rules), the seconds after which the decisions on
--           a mailbox that is not scanned any more are forgotten; then item id, digest of the decision, facts (JSON),
--           decision, rule and reason for each message; the digest is '' where it is left to a worker, and then the message is only noted as seen
-- The hash keeps for each message the digest and the scan that saw it last; finish.lua forgets what a whole scan has not
-- seen. A worker sees nothing for a scan: a later one than its item's may be under way, and has seen the message.
-- Beside it, those messages that wait for a person are kept with the reason.
local function tell_decisions(mailbox, server, first)
  local key, scan = P .. ':decided:' .. mailbox, ARGV[first]
  local ids = {}
  for i = first + 2, #ARGV, 6 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return 0 end
  local known = redis.call('HMGET', key, unpack(ids))
  local told, seen, held, free = 0, {}, {}, {}
  for n, id in ipairs(ids) do
    local i = first + 6 * n - 4
    local digest = ARGV[i + 1]
    local before = known[n] and string.match(known[n], '^[^:]*') or ''
    if digest == '' then
      digest = before
    elseif before ~= digest then
      audit('decision', { id, ARGV[i + 2], server },
        { decision = ARGV[i + 3], rule = ARGV[i + 4], reason = ARGV[i + 5] })
      told = told + 1
    end
    if ARGV[i + 1] == '' then
      -- The worker says it.
    elseif ARGV[i + 3] == 'hold' then
      held[#held + 1] = id
      held[#held + 1] = ARGV[i + 4] == '' and ARGV[i + 5] or ARGV[i + 5] .. ':' .. ARGV[i + 4]
    else
      free[#free + 1] = id
    end
    seen[#seen + 1] = id
    seen[#seen + 1] = digest .. (scan == '' and known[n] and string.match(known[n], ':.*$') or ':' .. scan)
  end
  redis.call('HSET', key, unpack(seen))
  if #free > 0 then redis.call('HDEL', onhold_key(mailbox), unpack(free)) end
  if #held > 0 then redis.call('HSET', onhold_key(mailbox), unpack(held)) end
  for _, one in ipairs({ key, onhold_key(mailbox) }) do redis.call('EXPIRE', one, ARGV[first + 1]) end
  return told
end

-- The side effect that was intended and not closed yet, by the generation that intended it: '7:send'.
local function open_step(open)
  local generation, step = string.match(open or '', '^(%d+):(.*)$')
  return step or '', generation
end

-- The scan went through the whole mailbox: a message that neither it nor a later one has seen is gone, and so is what was
-- decided on it. Looks at so many messages from the cursor on; answers the next cursor, '0' at the end.
local FORGOTTEN_AT_ONCE = 500
local function forget_unseen(mailbox, scan, cursor)
  local key, present = P .. ':decided:' .. mailbox, redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan')
  local page = redis.call('HSCAN', key, cursor, 'COUNT', FORGOTTEN_AT_ONCE)
  for i = 1, #page[2], 2 do
    local id, seen_by = page[2][i], string.match(page[2][i + 1], ':(.*)$')
    if seen_by ~= scan and seen_by ~= present then
      redis.call('HDEL', key, id)
      redis.call('HDEL', onhold_key(mailbox), id)
      if redis.call('HGET', item_key(id), 'state') == 'left' then redis.call('DEL', item_key(id)) end
    end
  end
  return page[1]
end

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

-- How many more items a server may be given now, by its concurrency, its pace and its hold.
local function room(l)
  if l.paused or l.hold > NOW then return 0 end
  local by_pace = l.burst - l.reserved - math.ceil(math.max(l.tat - NOW, 0) / l.interval)
  return math.max(0, math.min(l.concurrency - l.n, by_pace))
end

-- Release the head of the mailbox's lane through the gate it stands at with this score; nil where it stood there wrongly.
local function release_head(mailbox, gate, score)
  local m = look_up('mailbox', mailbox)
  local id, pool = head_of(mailbox)
  if not id or m.where ~= 'ready:' .. gate or gate ~= (m.server or '') .. ':' .. pool then
    redis.call('ZREM', gate_key(gate), mailbox)
    if m.server and m.where ~= 'ready:' .. gate then note_broken('ready:' .. gate .. '[' .. mailbox .. ']', 'foreign-member') end
    place(mailbox)
    return nil
  end
  local item = item_key(id)
  local f = redis.call('HMGET', item, 'pool', 'work', 'payload', 'server', 'generation', 'finished')
  if not f[3] then
    quarantine(id, 'item-incomplete', mailbox, f[4])
    place(mailbox)
    return nil
  end
  -- Always a new one, also where the counter has lost its value: a finished generation is known as a replay.
  local generation = string.format('%.0f', math.max(0, number(f[5]), number(f[6])) + 1)
  redis.call('LPOP', lane_key(mailbox))
  if f[4] and f[4] ~= m.server then
    local offered = redis.call('ZSCORE', unfinished_key(f[4]), id)
    redis.call('ZREM', unfinished_key(f[4]), id)
    if offered then redis.call('ZADD', unfinished_key(m.server), offered, id) end
  end
  redis.call('HSET', item, 'state', 'released', 'server', m.server, 'since', NOW, 'generation', generation,
    'shared', '1')
  redis.call('ZADD', P .. ':inflight', NOW + RELEASE_LEASE, id)
  for _, key in ipairs({ m.key, P .. ':server:' .. m.server }) do
    redis.call('HINCRBY', key, 'n', 1)
    redis.call('HINCRBY', key, 'reserved', 1)
  end
  redis.call('HINCRBY', P .. ':pools', f[1], 1)
  redis.call('HINCRBY', P .. ':server:' .. m.server, 'n:' .. f[1], 1)
  redis.call('HSET', m.key, 'vt:' .. gate, score + 1 / m.weight)
  redis.call('HSET', P .. ':clock', gate, score)
  place(mailbox)
  return { id, generation, f[2], mailbox, m.server, f[3] }
end

local function wake()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':later', '-inf', NOW, 'LIMIT', 0, 100)) do
    redis.call('ZREM', P .. ':later', id)
    local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'state')
    if not f[1] then
      quarantine(id, f[3] and 'item-incomplete' or 'item-missing', nil, f[2])
    elseif f[3] ~= 'later' then
      note_broken('later[' .. id .. ']', 'foreign-member')
    else
      tally(f[2], 'later', -1)
      to_pending(id, f[1])
      place(f[1])
    end
  end
  for _, mailbox in ipairs(redis.call('ZRANGEBYSCORE', P .. ':wait', '-inf', NOW, 'LIMIT', 0, 200)) do
    redis.call('ZREM', P .. ':wait', mailbox)  -- also where the mailbox does not know that it stands there
    place(mailbox)
  end
end

-- A cursor that an earlier call left in the hash of the checks; '0' where there is none.
local function cursor_of(name)
  local cursor = redis.call('HGET', P .. ':check', name)
  return cursor and #cursor < 19 and string.match(cursor, '^%d+$') or '0'
end

-- Some of the gates: those at which this call has made room, and as many others as one call may look at, each time the
-- next ones. Up to a hundred gates, these are all.
local GATES_AT_ONCE = 100
local function some_gates()
  local page
  if redis.call('SCARD', P .. ':gates') <= GATES_AT_ONCE then
    page = redis.call('SMEMBERS', P .. ':gates')
  else
    local found = redis.call('SSCAN', P .. ':gates', cursor_of('gates'), 'COUNT', GATES_AT_ONCE)
    redis.call('HSET', P .. ':check', 'gates', found[1])
    page = found[2]
  end
  local names, seen = {}, {}
  for _, list in ipairs({ near, page }) do
    for _, gate in ipairs(list) do
      if not string.find(gate, ':', 1, true) then
        note_broken('gates[' .. gate .. ']', 'foreign-member')
        redis.call('SREM', P .. ':gates', gate)
      elseif not seen[gate] then
        seen[gate] = true
        names[#names + 1] = gate
      end
    end
  end
  return names
end

-- Of some gates, those where the server, the pool and the server in this pool have room: { name, server, pool, own }.
local function open_gates()
  local servers, pools, gates = {}, {}, {}
  for _, gate in ipairs(some_gates()) do
    local server, pool = string.match(gate, '^(.*):(.-)$')
    if not servers[server] then
      local l = look_up('server', server)
      forget_why(l)
      servers[server] = { room = room(l), n = l.n, most = l.concurrency }
    end
    if not pools[pool] then
      local v = redis.call('HMGET', P .. ':pools', pool, 'most:' .. pool)
      pools[pool] = { n = number(v[1]), most = positive(v[2], 1) }
      pools[pool].room = pools[pool].most - pools[pool].n
      pools[pool].share = share(pool)
    end
    local n = shared(server, pool)
    local own = { n = n, room = pools[pool].share - n }
    gates[#gates + 1] = { name = gate, server = servers[server], pool = pools[pool], own = own }
  end
  return gates
end

-- Release up to `most` items, each time from the open gate that is used least for its size.
local function release(most)
  local released = {}
  -- Without limits (Redis has lost everything) nothing is promised to anybody, so nothing goes until they are back.
  if CFG.paused or not CFG.attempts or most <= 0 then return released end
  wake()
  local gates, seen, looked, moved = open_gates(), 0, 0, 0
  local tries = most + MOST_JUDGED
  while #released < most and tries > 0 do
    local best, least
    for _, gate in ipairs(gates) do
      local used = gate.server.n / gate.server.most + gate.pool.n / gate.pool.most
      local room = math.min(gate.server.room, gate.pool.room, gate.own.room)
      if not gate.empty and room > 0 and (not best or used < least) then best, least = gate, used end
    end
    local first = best and redis.call('ZRANGE', gate_key(best.name), 0, 0, 'WITHSCORES')
    if not best then
      -- What was released may have uncovered, in its lane, an item for a gate that was not open before: look once more.
      looked = looked + #gates + 1
      if #released + moved == seen or looked > 3 * GATES_AT_ONCE then break end
      gates, seen = open_gates(), #released + moved
    elseif #first == 0 then
      best.empty = true
      redis.call('SREM', P .. ':gates', best.name)
    else
      tries = tries - 1
      local one = release_head(first[1], best.name, virtual(first[2]))
      if one then
        released[#released + 1] = one
        for _, side in ipairs({ best.server, best.pool, best.own }) do
          side.n = side.n + 1
          side.room = side.room - 1
        end
      else
        moved = moved + 1
      end
    end
  end
  return released
end
