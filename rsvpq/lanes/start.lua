-- Start the item of a delivery. The attempt is counted here, so that an item that kills its worker ends as dead, not in
-- a loop.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   generation
-- ARGV[4]   owner, unique to this delivery
-- Returns   { 'run', work, mailbox, server, payload (JSON), journal (JSON), attempt, now, memory, vouched, lease, group }
--           | { 'stale' } (another generation) | { 'running' } (another delivery of this generation runs)
--           | { 'final' } (done, left, dead or dropped) | { 'unknown' } (no such item)
--           | { 'held' } (paused, held or resting; the item is back at the head of its lane)
--           now and lease are microseconds: the time, and how long the owner holds the item. memory is what settled the
--           item's topic, '' if nothing is known. vouched is for how many seconds back nothing can be forgotten, 'inf'
--           for an item without a topic. group is that of the mailbox as the ledger knows it, '' for none
-- Replay    by the same owner returns 'run' again, and counts no attempt

local id, generation, owner = ARGV[2], ARGV[3], ARGV[4]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'work', 'payload',
  'journal', 'attempts', 'topic')
local state, mailbox, server = f[1], f[4], f[5]
if not state then return { 'unknown' } end
if state == 'dead' or is_remembered(state) then return { 'final' } end
if f[2] ~= generation then return { 'stale' } end
local function run(attempt)
  notice_new_primary()
  local memory = f[11] and redis.call('GET', topic_key(mailbox, f[11])) or ''
  if memory ~= '' and not decoded(memory) then
    quarantine_key(topic_key(mailbox, f[11]), 'unreadable')
    memory = ''
  end
  return { 'run', f[7] or '', mailbox or '', server or '', f[8] or '', f[9] or '{}', tostring(attempt),
    string.format('%.0f', NOW), memory, f[11] and tostring(vouched(mailbox)) or 'inf',
    string.format('%.0f', RUN_LEASE), redis.call('HGET', P .. ':mailbox:' .. (mailbox or ''), 'group') or '' }
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
if stopped(mailbox, server, id, true) then
  give_back(id, mailbox, server, f[6])
  to_pending(id, mailbox)
  place(mailbox)
  return { 'held' }
end
local attempt = redis.call('HINCRBY', item, 'attempts', 1)
redis.call('HSET', item, 'state', 'running', 'owner', owner)
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, id)
return run(attempt)
