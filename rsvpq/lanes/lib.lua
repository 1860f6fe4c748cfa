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

local P = KEYS[1]

local function number(text, default)
  return tonumber(text or '') or default or 0
end

local NOW = number(ARGV[1])
if NOW == 0 then
  local clock = redis.call('TIME')
  NOW = clock[1] * 1000000 + clock[2]
end

local CFG = {}
do
  local fields = { 'interval', 'burst', 'concurrency', 'weight', 'release_lease', 'run_lease', 'attempts', 'paused',
    'server_share' }
  local values = redis.call('HMGET', P .. ':cfg', unpack(fields))
  for i, field in ipairs(fields) do CFG[field] = values[i] or false end
end

local function item_key(id) return P .. ':item:' .. id end
local function lane_key(mailbox) return P .. ':lane:' .. mailbox end
local function topic_key(mailbox, topic) return P .. ':topic:' .. mailbox .. ':' .. topic end
-- Of each message that waits for a person: why.
local function onhold_key(mailbox) return P .. ':onhold:' .. mailbox end
local function gate_key(gate) return P .. ':ready:' .. gate end

-- The limits and the present load of a mailbox or a server ('mailbox', name | 'server', name). A limit that an operator
-- set at run time (live_*) goes before the configured one, and that before the default.
local function look_up(scope, name)
  local v = redis.call('HMGET', P .. ':' .. scope .. ':' .. name, 'n', 'reserved', 'tat', 'hold', 'paused',
    'live_interval', 'live_burst', 'live_concurrency', 'interval', 'burst', 'concurrency', 'weight', 'server', 'where')
  return {
    key = P .. ':' .. scope .. ':' .. name,
    n = number(v[1]), reserved = number(v[2]), tat = number(v[3]), hold = number(v[4]), paused = v[5],
    interval = number(v[6] or v[9] or CFG.interval, 1),
    burst = number(v[7] or v[10] or CFG.burst, 1),
    concurrency = number(v[8] or v[11] or CFG.concurrency, 1),
    weight = number(v[12] or CFG.weight, 1),
    server = v[13], where = v[14] or '',
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
    local v = redis.call('HMGET', key, 'paused', 'hold')
    if v[1] or number(v[2]) > NOW then return true end
  end
  return false
end

-- Whether all that was settled in the mailbox lately is remembered here. A Redis that was started anew may have lost the
-- last of it, or everything: then somebody has to look into the mailbox, and says so by remember.lua.
local function vouched(mailbox)
  local start = redis.call('HGET', P .. ':cfg', 'start')
  return start and redis.call('HGET', P .. ':mailbox:' .. mailbox, 'remembers') == start
end

-- Leave a mailbox or a server alone for so long, and say why; a longer hold with its reason stays.
local function hold_back(scope, name, delay, why)
  local key, till = P .. ':' .. scope .. ':' .. name, NOW + delay
  if till < number(redis.call('HGET', key, 'hold')) then return end
  redis.call('HSET', key, 'hold', till, 'hold_why', string.sub(why, 1, 300))
end

-- Counted over all, and for the server.
local function count(label, by, server)
  redis.call('HINCRBY', P .. ':counts', label, by or 1)
  if server then redis.call('HINCRBY', P .. ':counts:' .. server, label, by or 1) end
end

-- How many of a server's items are in a state that no other key tells by server: 'later' or 'dead'.
local function tally(server, state, by)
  redis.call('HINCRBY', P .. ':server:' .. server, state, by)
end

-- The messages of a server that were offered and are not final, by the time of their offer: the lag is read from it.
-- A dead one keeps that time itself.
local function unfinished_key(server) return P .. ':unfinished:' .. server end

-- Put the mailbox where its state says it belongs: at its server's gate, waiting for a time, or nowhere until an event.
-- Called after everything that happens to a mailbox, so that nothing can be forgotten in the wrong place.
local function place(mailbox)
  local m = look_up('mailbox', mailbox)
  if m.where == 'wait' then
    redis.call('ZREM', P .. ':wait', mailbox)
  elseif string.sub(m.where, 1, 6) == 'ready:' then
    redis.call('ZREM', gate_key(string.sub(m.where, 7)), mailbox)
  end
  local head = redis.call('LINDEX', lane_key(mailbox), 0)
  local at = earliest(m)
  local where = ''
  if not head then
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
    local gate = m.server .. ':' .. redis.call('HGET', item_key(head), 'pool')
    local own = number(redis.call('HGET', m.key, 'vt:' .. gate))
    local V = number(redis.call('HGET', P .. ':clock', gate))
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
    redis.call('HSET', l.key, 'reserved', l.reserved - 1, 'tat', math.max(l.tat, NOW) + l.interval)
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

-- Take the item out of flight: slots back, and the reservation too where it was never charged.
local function give_back(id, mailbox, server, pool)
  redis.call('ZREM', P .. ':inflight', id)
  local f = redis.call('HMGET', item_key(id), 'charged', 'state', 'since', 'shared')
  for _, key in ipairs({ P .. ':mailbox:' .. mailbox, P .. ':server:' .. server }) do
    redis.call('HINCRBY', key, 'n', -1)
    if f[1] ~= '1' then redis.call('HINCRBY', key, 'reserved', -1) end
  end
  redis.call('HINCRBY', P .. ':pools', pool, -1)
  if f[4] then redis.call('HINCRBY', P .. ':server:' .. server, 'n:' .. pool, -1) end
  if f[2] == 'running' and number(f[3]) > taken(pool) then
    redis.call('HSET', P .. ':pools', 'taken:' .. pool, f[3])
  end
  redis.call('HDEL', item_key(id), 'owner', 'charged', 'since', 'unstarted', 'refused', 'shared')
end

-- One record of the audit; its time is its id, on Redis' clock. Every record has every field in this order, the empty
-- ones too: so the stream keeps the names once per node, where records of different fields would each carry theirs.
--   item    { id, facts, server, attempt }; the facts were made when the item was offered, so that nothing is looked up,
--           and what is hidden was hidden before it came here
--   record  what else is to be told, by field
local function audit(event, item, record)
  local facts = item[2] and cjson.decode(item[2]) or {}
  redis.call('XADD', P .. ':audit', '*', 'event', event, 'item', item[1], 'kind', facts[1] or '',
    'mailbox', facts[2] or '', 'server', item[3], 'run', facts[3] or '', 'uid', facts[4] or '',
    'organizer', facts[5] or '', 'subject', facts[6] or '', 'start', facts[7] or '', 'occurrence', facts[8] or '',
    'decision', record.decision or '', 'rule', record.rule or '', 'reason', record.reason or '',
    'step', record.step or '', 'attempt', item[4] or '', 'result', record.result or '', 'note', record.note or '',
    'who', record.who or '')
end

-- Tell the audit decisions on messages of one mailbox: those that are new, or other than the last ones; says how many.
--   first   where in ARGV the scan begins: its item id, the seconds after which the decisions on a mailbox that is not
--           scanned any more are forgotten; then item id, digest of the decision, facts (JSON), decision, rule and reason
--           for each message; the digest is '' where it is left to a worker, and then the message is only noted as seen
-- The hash keeps for each message the digest and the scan that saw it last; finish.lua forgets what a whole scan has not
-- seen. Beside it, those messages that wait for a person are kept with the reason.
local function tell_decisions(mailbox, server, first)
  local key, mark = P .. ':decided:' .. mailbox, ':' .. ARGV[first]
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
    seen[#seen + 1] = digest .. mark
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

local function to_pending(id, mailbox)
  redis.call('HSET', item_key(id), 'state', 'pending')
  redis.call('LPUSH', lane_key(mailbox), id)
end

-- An item that was left alone is pending again, if it is time to look at it, or if the policy is not the one by which it
-- was; says whether it is. How often it was looked at counts on under the same policy only.
local function look_again(id, policy)
  local item = item_key(id)
  local f = redis.call('HMGET', item, 'state', 'again', 'policy')
  if f[1] ~= 'left' then return false end
  local changed = policy ~= '' and f[3] ~= policy
  if not changed and number(f[2]) > NOW then return false end
  redis.call('HDEL', item, 'again', 'policy', 'reason', 'attempts')
  if changed then redis.call('HDEL', item, 'looks') end
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

-- Release the head of the mailbox's lane through the gate it stands at with this score.
local function release_head(mailbox, gate, score)
  local m = look_up('mailbox', mailbox)
  local id = redis.call('LPOP', lane_key(mailbox))
  local item = item_key(id)
  local generation = redis.call('HINCRBY', item, 'generation', 1)
  local f = redis.call('HMGET', item, 'pool', 'work', 'payload', 'server')
  if f[4] and f[4] ~= m.server then
    local offered = redis.call('ZSCORE', unfinished_key(f[4]), id)
    redis.call('ZREM', unfinished_key(f[4]), id)
    if offered then redis.call('ZADD', unfinished_key(m.server), offered, id) end
  end
  redis.call('HSET', item, 'state', 'released', 'server', m.server, 'since', NOW, 'shared', '1')
  redis.call('ZADD', P .. ':inflight', NOW + number(CFG.release_lease), id)
  for _, key in ipairs({ m.key, P .. ':server:' .. m.server }) do
    redis.call('HINCRBY', key, 'n', 1)
    redis.call('HINCRBY', key, 'reserved', 1)
  end
  redis.call('HINCRBY', P .. ':pools', f[1], 1)
  redis.call('HINCRBY', P .. ':server:' .. m.server, 'n:' .. f[1], 1)
  redis.call('HSET', m.key, 'vt:' .. gate, score + 1 / m.weight)
  redis.call('HSET', P .. ':clock', gate, score)
  place(mailbox)
  return { id, tostring(generation), f[2], mailbox, m.server, f[3] }
end

local function wake()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':later', '-inf', NOW, 'LIMIT', 0, 100)) do
    redis.call('ZREM', P .. ':later', id)
    local f = redis.call('HMGET', item_key(id), 'mailbox', 'server')
    tally(f[2], 'later', -1)
    to_pending(id, f[1])
    place(f[1])
  end
  for _, mailbox in ipairs(redis.call('ZRANGEBYSCORE', P .. ':wait', '-inf', NOW, 'LIMIT', 0, 200)) do
    place(mailbox)
  end
end

-- The gates, with the room that the server has, the pool, and the server in this pool: { name, server, pool, own }.
local function open_gates()
  local servers, pools, gates = {}, {}, {}
  for _, gate in ipairs(redis.call('SMEMBERS', P .. ':gates')) do
    local server, pool = string.match(gate, '^(.*):(.-)$')
    if not servers[server] then
      local l = look_up('server', server)
      servers[server] = { room = room(l), n = l.n, most = l.concurrency }
    end
    if not pools[pool] then
      local v = redis.call('HMGET', P .. ':pools', pool, 'most:' .. pool)
      pools[pool] = { n = number(v[1]), most = number(v[2], 1) }
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
  local gates, seen = open_gates(), 0
  while #released < most do
    local best, least
    for _, gate in ipairs(gates) do
      local used = gate.server.n / gate.server.most + gate.pool.n / gate.pool.most
      local room = math.min(gate.server.room, gate.pool.room, gate.own.room)
      if not gate.empty and room > 0 and (not best or used < least) then best, least = gate, used end
    end
    local first = best and redis.call('ZRANGE', gate_key(best.name), 0, 0, 'WITHSCORES')
    if not best then
      -- What was released may have uncovered, in its lane, an item for a gate that was not open before: look once more.
      if #released == seen then break end
      gates, seen = open_gates(), #released
    elseif #first == 0 then
      best.empty = true
      redis.call('SREM', P .. ':gates', best.name)
    else
      released[#released + 1] = release_head(first[1], best.name, number(first[2]))
      for _, side in ipairs({ best.server, best.pool, best.own }) do
        side.n = side.n + 1
        side.room = side.room - 1
      end
    end
  end
  return released
end
