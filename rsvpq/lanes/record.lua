-- Write a step to the journal of a running item, and extend the lease.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   generation
-- ARGV[4]   owner
-- ARGV[5]   the whole journal (JSON)
-- ARGV[6]   '1' if the step is an intent: an effect follows, so the pace is charged (once per generation), and a pause
--           or a hold that was set in the meantime stops it
-- ARGV[7]   step, for the audit: an intent opens it, and the next entry closes it; '' if the step is not an effect:
--           then nothing is opened or closed
-- ARGV[8]   what settles the item's topic from now on; '' if that does not change
-- ARGV[9]   what settled the topic when the item was started
-- ARGV[10]  shortest time to keep ARGV[8], seconds
-- ARGV[11+] the decision that leads to the step, as record_decisions() takes it; nothing if it is already recorded
-- Returns   'ok' | 'held' (paused or held; nothing was written) | 'lost' (the item no longer belongs to this owner)
--           | 'taken' (another item has begun to settle the topic, or Redis was restarted, or has another primary,
--           and may have forgotten one; nothing was written)
-- Replay    writes the same journal and no second record: the step is already open or closed, and the decision is known

local id = ARGV[2]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'attempts', 'facts',
  'open', 'topic')
if f[1] ~= 'running' or f[2] ~= ARGV[3] or f[3] ~= ARGV[4] then return 'lost' end
if not (f[4] and f[5]) then
  quarantine_item(id, 'item-incomplete', f[4], f[5])
  return 'lost'
end
notice_new_primary()
local intent = ARGV[6] == '1'
if intent and stopped(f[4], f[5], id) then return 'held' end
local step, opened = ARGV[7], f[8] or ''
local before, since = open_step(opened)
if step ~= '' then opened = intent and ARGV[3] .. ':' .. step or '' end
if ARGV[8] ~= '' and f[9] then
  local key = topic_key(f[4], f[9])
  local known = redis.call('GET', key) or ''
  if known ~= ARGV[8] and (known ~= ARGV[9] or vouched(f[4]) == 0) then return 'taken' end
  -- Not shorter than the ledger vouches for, even if a process with other settings said so.
  redis.call('SET', key, ARGV[8], 'EX', math.max(number(ARGV[10], 1), vouched(f[4])))
end
if ARGV[11] then record_decisions(f[4], f[5], 11) end
local source = { id, f[7], f[5], f[6] }
-- The same step again is a second try, not the end of the first.
if before ~= '' and step ~= '' and (not intent or step ~= before) then audit('done', source, { step = before }) end
if intent and step ~= '' and (step ~= before or since ~= ARGV[3]) then audit('intent', source, { step = step }) end
redis.call('HSET', item, 'journal', ARGV[5], 'open', opened)
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, id)
if intent and charge(id, f[4], f[5]) then place(f[4]) end
return 'ok'
