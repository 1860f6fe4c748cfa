-- Start the item of a delivery. Counts the attempt, so that an item that kills its worker ends as dead, not in a loop.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner: unique to this delivery
-- returns  { 'run', work, mailbox, server, payload, journal, attempt, now, memory, vouched, lease }: memory is what is
--          remembered of its topic, or ''; vouched for how many seconds back nothing can have been forgotten, 'inf' where
--          it has no topic, as a response has none; lease for how many microseconds from now the item is this owner's
--          { 'stale' } another generation | { 'running' } a delivery of this generation runs | { 'final' } done, left, dead or dropped
--          { 'unknown' } no such item     | { 'held' } paused or held: back at the head of its lane
-- replay   by the same owner returns 'run' again and counts nothing

local id, generation, owner = ARGV[2], ARGV[3], ARGV[4]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'work', 'payload',
  'journal', 'attempts', 'topic')
local state, mailbox, server = f[1], f[4], f[5]
if not state then return { 'unknown' } end
if state == 'dead' or is_remembered(state) then return { 'final' } end
if f[2] ~= generation then return { 'stale' } end
local function run(attempt)
  local memory = f[11] and redis.call('GET', topic_key(mailbox, f[11])) or ''
  if memory ~= '' and not decoded(memory) then
    quarantine_key(topic_key(mailbox, f[11]), 'unreadable')
    memory = ''
  end
  return { 'run', f[7] or '', mailbox or '', server or '', f[8] or '', f[9] or '{}', tostring(attempt),
    string.format('%.0f', NOW), memory, f[11] and tostring(vouched(mailbox)) or 'inf',
    string.format('%.0f', RUN_LEASE) }
end

if state == 'running' then
  if f[3] ~= owner then return { 'running' } end
  if not mailbox then return { 'unknown' } end
  return run(f[10])
end
if state ~= 'released' then return { 'stale' } end
if not (mailbox and server and f[6] and f[7] and f[8]) then
  quarantine_item(id, 'item-incomplete', mailbox, server)
  return { 'unknown' }
end
if redis.call('SISMEMBER', P .. ':servers', server) == 0 then
  local home = redis.call('HGET', P .. ':mailbox:' .. mailbox, 'server')
  if home and redis.call('SISMEMBER', P .. ':servers', home) == 1 then
    note_broken('item:' .. id .. '[server]', 'wrong-field')
    redis.call('HSET', item, 'server', home)
    server = home
  end
end
if stopped(mailbox, server) then
  give_back(id, mailbox, server, f[6])
  to_pending(id, mailbox)
  place(mailbox)
  return { 'held' }
end
local attempt = redis.call('HINCRBY', item, 'attempts', 1)
redis.call('HSET', item, 'state', 'running', 'owner', owner)
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, id)
return run(attempt)
