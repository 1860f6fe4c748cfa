-- The release: choose what may run now; all limits are checked before any is taken.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines wake(), cursor_of(), release()

-- Return how many more items a server may be given now, by its concurrency, its pace and its hold.
local function room(l)
  if l.paused or l.hold > NOW then return 0 end
  local by_pace = l.burst - l.reserved - math.ceil(math.max(l.tat - NOW, 0) / l.interval)
  return math.max(0, math.min(l.concurrency - l.n, by_pace))
end

-- Release the first item of a mailbox that stands at the gate with this score; return nil if it stood there wrongly, and
-- then whether the gate has to wait for the item that tries the work of this one.
local function release_head(mailbox, gate, score, breakers)
  local m = look_up('mailbox', mailbox)
  local id, pool = head_of(mailbox)
  if not id or m.where ~= 'ready:' .. gate or gate ~= (m.server or '') .. ':' .. pool then
    redis.call('ZREM', gate_key(gate), mailbox)
    if m.server and m.where ~= 'ready:' .. gate then note_broken('ready:' .. gate .. '[' .. mailbox .. ']', 'foreign-member') end
    place(mailbox)
    return nil
  end
  if m.group_paused or m.rest > 0 then  -- a group's pause looks for none of its mailboxes, so it is obeyed here
    place(mailbox)
    return nil
  end
  local item = item_key(id)
  local f = redis.call('HMGET', item, 'pool', 'work', 'payload', 'server', 'generation', 'finished')
  if not f[3] then
    quarantine_item(id, 'item-incomplete', mailbox, f[4])
    place(mailbox)
    return nil
  end
  if breakers and breakers[f[2]] then
    local till = broken_until(breakers, f[2])
    if till > NOW then
      place(mailbox, till)
      return nil
    end
    if not may_try(m.server, breakers, f[2], id) then return nil, true end
  end
  -- Always a new one, even if the counter has lost its value: a finished generation is taken for a replay.
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

-- Place some of the mailboxes again that the pause of a group has parked, once it has ended.
local WOKEN_AT_ONCE = 200
local function wake_group()
  local group = redis.call('SRANDMEMBER', P .. ':waking')
  if not group then return end
  local parked = of_group(group) and {} or redis.call('SPOP', parked_key(group), WOKEN_AT_ONCE)
  if #parked < WOKEN_AT_ONCE then redis.call('SREM', P .. ':waking', group) end
  for _, mailbox in ipairs(parked) do place(mailbox) end
end

local function wake()
  wake_group()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':later', '-inf', NOW, 'LIMIT', 0, 100)) do
    redis.call('ZREM', P .. ':later', id)
    local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'state')
    if not f[1] then
      quarantine_item(id, f[3] and 'item-incomplete' or 'item-missing', nil, f[2])
    elseif f[3] ~= 'later' then
      note_broken('later[' .. id .. ']', 'foreign-member')
    else
      tally(f[2], 'later', -1)
      to_pending(id, f[1])
      place(f[1])
    end
  end
  for _, mailbox in ipairs(redis.call('ZRANGEBYSCORE', P .. ':wait', '-inf', NOW, 'LIMIT', 0, 200)) do
    redis.call('ZREM', P .. ':wait', mailbox)  -- even if the record of the mailbox says otherwise
    place(mailbox)
  end
end

-- Return the cursor that an earlier call left in the hash of the checks; '0' if there is none.
local function cursor_of(name)
  local cursor = redis.call('HGET', P .. ':check', name)
  return cursor and #cursor < 19 and string.match(cursor, '^%d+$') or '0'
end

-- Return some of the gates: those at which this call has made room, and the next page of the others. Up to a hundred
-- gates, these are all.
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

-- Return { name, server, pool, own } for some gates, with the room of server, pool, and server in the pool.
local function open_gates()
  local servers, pools, gates = {}, {}, {}
  for _, gate in ipairs(some_gates()) do
    local server, pool = string.match(gate, '^(.*):(.-)$')
    if not servers[server] then
      local l = look_up('server', server)
      forget_why(l)
      servers[server] = { room = room(l), n = l.n, most = l.concurrency, breakers = false }
      if l.breaker then
        servers[server].breakers = breakers_of(l.breaker)
        bound_breakers(server, servers[server].breakers)
      end
    end
    if not pools[pool] then
      local v = redis.call('HMGET', P .. ':pools', pool, 'most:' .. pool)
      pools[pool] = { n = number(v[1]), most = positive(v[2], 1) }
      pools[pool].room = deserted(pool) and 0 or pools[pool].most - pools[pool].n
      pools[pool].share = share(pool)
    end
    local n = shared(server, pool)
    local own = { n = n, room = pools[pool].share - n }
    gates[#gates + 1] = { name = gate, server = servers[server], pool = pools[pool], own = own }
  end
  return gates
end

-- Release up to `most` items, each from the open gate with the least load for its size.
local function release(most)
  local released = {}
  -- Without limits (Redis has lost everything) no server is protected, so nothing is released until they are back.
  if CFG.paused or CFG.rest > 0 or not CFG.attempts or most <= 0 then return released end
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
      -- A release may have uncovered an item for a gate that was not open before: check all once more.
      looked = looked + #gates + 1
      if #released + moved == seen or looked > 3 * GATES_AT_ONCE then break end
      gates, seen = open_gates(), #released + moved
    elseif #first == 0 then
      best.empty = true
      redis.call('SREM', P .. ':gates', best.name)
    else
      tries = tries - 1
      local one, must_wait = release_head(first[1], best.name, virtual(first[2]), best.server.breakers)
      if must_wait then
        best.empty = true  -- for this call
      elseif one then
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
