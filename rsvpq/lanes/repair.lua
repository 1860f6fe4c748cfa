-- Check records of the ledger, and repair them: every item must stand in the one place that its state names, and every
-- lane with items must be scheduled. An item that stands nowhere is put back; what is not an item is set aside.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2+]  names of keys without the namespace: item:ID, lane:MAILBOX, mailbox:NAME, ready:GATE, unfinished:SERVER,
--           dead
-- Returns   how many records were put back or set aside
-- Replay    finds them correct, and returns 0

-- Members of a sorted set per call.
local AT_ONCE = 100
local SETS = { ':inflight', ':later', ':dead' }
local PUT_BACK = 'in-no-place'
local repaired = 0

local function note(name, why)
  note_broken(name, why)
  repaired = repaired + 1
end

local function stands_in_lane(id, mailbox)
  return redis.call('LPOS', lane_key(mailbox), id) and true
end

-- Return the sorted set that holds the item; nil for none.
local function place_of(id)
  for _, set in ipairs(SETS) do
    if redis.call('ZSCORE', P .. set, id) then return set end
  end
end

local STATE_IN = { [':inflight'] = 'released', [':later'] = 'later', [':dead'] = 'dead' }

-- Correct the state of an item that stands in another place; the place is right, unless it also waits in its lane.
local function adopt(id, found, state, mailbox)
  if state == 'pending' and stands_in_lane(id, mailbox) then
    redis.call('ZREM', P .. found, id)
    return note(string.sub(found, 2) .. '[' .. id .. ']', 'foreign-member')
  end
  redis.call('HSET', item_key(id), 'state', STATE_IN[found])
  note('item:' .. id .. '[state]', 'wrong-field')
end

local function put_back(id, state, mailbox)
  if state == 'running' or state == 'released' then
    redis.call('ZADD', P .. ':inflight', NOW + (state == 'running' and RUN_LEASE or RELEASE_LEASE), id)
  elseif state == 'later' or state == 'dead' then
    redis.call('ZADD', P .. ':' .. state, NOW, id)
  elseif not stands_in_lane(id, mailbox) then
    redis.call('HSET', item_key(id), 'state', 'pending')
    redis.call('RPUSH', lane_key(mailbox), id)
    place(mailbox)
  elseif state ~= 'pending' then
    redis.call('HSET', item_key(id), 'state', 'pending')
    place(mailbox)
  else
    return
  end
  note('item:' .. id, PUT_BACK)
end

local function is_known(mailbox)
  return redis.call('EXISTS', P .. ':mailbox:' .. mailbox) == 1 or redis.call('EXISTS', lane_key(mailbox)) == 1
    or redis.call('SISMEMBER', P .. ':mailboxes', mailbox) == 1
end

local function repair_lag(id, state, mailbox, server)
  if not server or state == 'dead' or redis.call('HGET', P .. ':mailbox:' .. mailbox, 'last_scan') == id then return end
  redis.call('ZADD', unfinished_key(server), 'NX', NOW, id)
end

local function repair_item(id)
  local f = redis.call('HMGET', item_key(id), 'state', 'mailbox', 'server', 'pool', 'work')
  local state, mailbox = f[1], f[2]
  if is_remembered(state) and not f[5] then return end
  if redis.call('EXISTS', item_key(id)) == 0 then  -- it was of another type, and is set aside by now
    repaired = repaired + 1
    return
  end
  if not (mailbox and f[4] and f[5]) or redis.call('HEXISTS', item_key(id), 'payload') == 0 or not is_known(mailbox) then
    repaired = repaired + 1
    return quarantine_item(id, 'item-incomplete', mailbox and is_known(mailbox) and mailbox or nil, f[3])
  end
  local home, found = PLACE_OF[state], place_of(id)
  if home and redis.call('ZSCORE', P .. home, id) then
    if home == ':later' then bound_delay(id) end
  elseif found then
    adopt(id, found, state, mailbox)
  else
    put_back(id, state, mailbox)
  end
  repair_lag(id, redis.call('HGET', item_key(id), 'state'), mailbox, f[3])
end

-- Return whether the mailbox stands where its record says.
local function stands(mailbox, where)
  if where == 'wait' then return redis.call('ZSCORE', P .. ':wait', mailbox) end
  local gate = string.match(where, '^ready:(.*)$')
  if not gate then return true end
  return redis.call('ZSCORE', gate_key(gate), mailbox) and redis.call('SISMEMBER', P .. ':gates', gate) == 1
end

local function repair_lane(mailbox)
  local m = look_up('mailbox', mailbox)
  local stood = stands(mailbox, m.where)
  place(mailbox)
  local after = redis.call('HGET', m.key, 'where') or ''
  -- A wait that is over ends with the next release; any other change of place is made by the script that causes it.
  -- The pause or the rest of a group changes the place of each mailbox once it is looked at.
  local by_group = m.group_paused or m.rest > 0 or (m.where == 'paused' and m.group)
  if not stood or (after ~= m.where and m.where ~= 'wait' and not by_group) then note('lane:' .. mailbox, 'not-scheduled') end
end

local function repair_mailbox(mailbox)
  local key = P .. ':mailbox:' .. mailbox
  local f = redis.call('HMGET', key, 'scan', 'last_scan', 'where', 'server')
  if f[2] and redis.call('SADD', P .. ':mailboxes', mailbox) == 1 then note('mailboxes', 'not-listed') end
  if f[1] and redis.call('EXISTS', item_key(f[1])) == 0 and not redis.call('ZSCORE', P .. ':inflight', f[1]) then
    repaired = repaired + 1
    quarantine_item(f[1], 'item-missing', mailbox, f[4])
  end
end

local function repair_gate(gate)
  if redis.call('ZCARD', gate_key(gate)) > 0 and string.find(gate, ':', 1, true)
    and redis.call('SADD', P .. ':gates', gate) == 1 then
    note('ready:' .. gate, 'not-scheduled')
  end
end

local function repair_unfinished(server)
  for _, id in ipairs(redis.call('ZRANGE', unfinished_key(server), 0, AT_ONCE - 1)) do
    local state = redis.call('HGET', item_key(id), 'state')
    if not state or state == 'dead' or is_remembered(state) then
      redis.call('ZREM', unfinished_key(server), id)
      note('unfinished:' .. server .. '[' .. id .. ']', 'foreign-member')
    end
  end
end

local function repair_dead()
  local page = redis.call('ZSCAN', P .. ':dead', cursor_of('dead'), 'COUNT', AT_ONCE)
  redis.call('HSET', P .. ':check', 'dead', page[1])
  for i = 1, #page[2], 2 do
    local id = page[2][i]
    local f = redis.call('HMGET', item_key(id), 'state', 'mailbox', 'server')
    if not f[1] then
      repaired = repaired + 1
      quarantine_item(id, 'item-missing', f[2], f[3])
    end
  end
end

local BY_KIND = { item = repair_item, lane = repair_lane, mailbox = repair_mailbox, ready = repair_gate,
  unfinished = repair_unfinished }
for i = 2, #ARGV do
  local kind, rest = string.match(ARGV[i], '^(%a+):(.*)$')
  if ARGV[i] == 'dead' then repair_dead() elseif BY_KIND[kind] then BY_KIND[kind](rest) end
end
return repaired
