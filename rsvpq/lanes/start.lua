-- A delivery asks to run its item. Counts the attempt, so that an item that kills its worker ends in dead, not in a loop.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner: unique to this delivery
-- returns  { 'run', work, mailbox, server, payload, journal, attempt, now, memory, vouched, lease }: memory is what is
--          remembered of its topic, or ''; vouched '1' where nothing can have been forgotten since Redis was started; lease
--          for how many microseconds from now the item is this owner's
--          { 'stale' } another generation | { 'running' } a delivery of this generation runs | { 'final' } done, left, dead or dropped
--          { 'unknown' } no such item     | { 'held' } paused or held: back at the head of its lane
-- replay   by the same owner answers 'run' again and counts nothing

local id, generation, owner = ARGV[2], ARGV[3], ARGV[4]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'pool', 'work', 'payload',
  'journal', 'attempts', 'topic')
local state, mailbox, server = f[1], f[4], f[5]
if not state then return { 'unknown' } end
if state == 'done' or state == 'left' or state == 'dead' or state == 'dropped' then return { 'final' } end
if f[2] ~= generation then return { 'stale' } end
local function run(attempt)
  local memory = f[11] and redis.call('GET', topic_key(mailbox, f[11])) or ''
  return { 'run', f[7], mailbox, server, f[8], f[9] or '{}', tostring(attempt), string.format('%.0f', NOW), memory,
    vouched(mailbox) and '1' or '', CFG.run_lease or '0' }
end

if state == 'running' then
  if f[3] ~= owner then return { 'running' } end
  return run(f[10])
end
if state ~= 'released' then return { 'stale' } end
if stopped(mailbox, server) then
  give_back(id, mailbox, server, f[6])
  to_pending(id, mailbox)
  place(mailbox)
  return { 'held' }
end
local attempt = redis.call('HINCRBY', item, 'attempts', 1)
redis.call('HSET', item, 'state', 'running', 'owner', owner)
redis.call('ZADD', P .. ':inflight', NOW + number(CFG.run_lease), id)
return run(attempt)
