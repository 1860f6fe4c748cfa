-- Lanes: their first items, and where a mailbox waits for its turn.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines head_of(), count_in_flight(), bound_delay(), virtual(), place()

-- Handle a first entry of a lane that was removed because it is not a pending item of this mailbox. The item itself, if
-- it exists, stands where it belongs, or is found by repair.lua.
--   f  its state, mailbox, pool, server, work
local function judge_entry(id, mailbox, f)
  local state = f[1]
  if not f[3] or not f[5] then
    if is_remembered(state) then
      return note_broken('lane:' .. mailbox .. '[' .. id .. ']', 'foreign-member')
    end
    return quarantine_item(id, redis.call('EXISTS', item_key(id)) == 1 and 'item-incomplete' or 'item-missing',
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

-- Return the first item of a lane, its pool and its server; nil if there is none. Wrong entries are removed, up to this
-- many in one call; after that the fourth value is true.
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

-- Count the items in flight, and those of them that are not charged, by mailbox, server and pool. Return nil if there
-- are too many to count in one call.
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

-- Take the server of a mailbox from its items if its record is gone, or names an unknown server. Its limits come back
-- with the next scan, and a pause is lost.
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

-- Let an item between two attempts wait no longer than its delay, even if the clock was put back since.
local function bound_delay(id)
  local due = redis.call('ZSCORE', P .. ':later', id)
  local f = redis.call('HMGET', item_key(id), 'state', 'later_in')
  local state, length = f[1], f[2]
  if not state and redis.call('EXISTS', item_key(id)) == 0 then return quarantine_item(id, 'item-missing') end
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

-- Return the virtual time in a text. It counts releases, so one that is impossibly large counts as 0.
local function virtual(text)
  local n = number(text)
  return n > 0 and n < 2 ^ 40 and n or 0
end

-- Put the mailbox where its state says: at its server's gate, waiting for a time, or nowhere until an event. Called
-- after every change of a mailbox, so that none stays in a wrong place.
--   not_before  until when its first item must wait, whatever the limits allow; nil for none
local function place(mailbox, not_before)
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
  if at and not_before then at = math.max(at, not_before) end
  local where = ''
  if more then
    where = 'wait'
    redis.call('ZADD', P .. ':wait', NOW, mailbox)
  elseif not head or not m.server then
    where = ''
  elseif m.paused or m.group_paused then
    where = 'paused'
    if m.group_paused then redis.call('SADD', parked_key(m.group), mailbox) end
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
