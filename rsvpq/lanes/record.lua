-- Journal a step of a running item and extend its lease.
--
-- KEYS[1]  namespace
-- ARGV[2]  item id      ARGV[3] generation      ARGV[4] owner
-- ARGV[5]  the whole journal, JSON
-- ARGV[6]  '1' where the step is an intent: what follows presses the server, so the pace is charged (once per
--          generation), and a pause or a hold set in the meantime stops it
-- ARGV[7]  the step, for the audit: an intent opens it, and whatever is written next closes it; '' where it is no side
--          effect, and then nothing is opened or closed
-- ARGV[8]  what is to be remembered of the item's topic from here on, or ''    ARGV[9] what was remembered at its start
-- ARGV[10] for how many seconds, at the least
-- ARGV[11+] the decision that it is done for, as record_decisions() takes it, if that is still to be recorded
-- returns  'ok' | 'held' (paused or held; nothing was written) | 'lost' (the item is not this owner's any more)
--          | 'taken' (another item has begun to settle the topic meanwhile, or Redis was started anew and may have forgotten
--          it; nothing was written)
-- replay   writes the same journal again, and no second record: the step is open already, or closed, and the decision is
--          known

local id = ARGV[2]
local item = item_key(id)
local f = redis.call('HMGET', item, 'state', 'generation', 'owner', 'mailbox', 'server', 'attempts', 'facts',
  'open', 'topic')
if f[1] ~= 'running' or f[2] ~= ARGV[3] or f[3] ~= ARGV[4] then return 'lost' end
if not (f[4] and f[5]) then
  quarantine_item(id, 'item-incomplete', f[4], f[5])
  return 'lost'
end
local intent = ARGV[6] == '1'
if intent and stopped(f[4], f[5]) then return 'held' end
local step, opened = ARGV[7], f[8] or ''
local before, since = open_step(opened)
if step ~= '' then opened = intent and ARGV[3] .. ':' .. step or '' end
if ARGV[8] ~= '' and f[9] then
  local key = topic_key(f[4], f[9])
  local known = redis.call('GET', key) or ''
  if known ~= ARGV[8] and (known ~= ARGV[9] or vouched(f[4]) == 0) then return 'taken' end
  -- Not shorter than the ledger vouches for, be it by the word of a process with other settings.
  redis.call('SET', key, ARGV[8], 'EX', math.max(number(ARGV[10], 1), vouched(f[4])))
end
if ARGV[11] then record_decisions(f[4], f[5], 11) end
local source = { id, f[7], f[5], f[6] }
-- The same step again is another try of it, not the end of the first.
if before ~= '' and step ~= '' and (not intent or step ~= before) then audit('done', source, { step = before }) end
if intent and step ~= '' and (step ~= before or since ~= ARGV[3]) then audit('intent', source, { step = step }) end
redis.call('HSET', item, 'journal', ARGV[5], 'open', opened)
redis.call('ZADD', P .. ':inflight', NOW + RUN_LEASE, id)
if intent and charge(id, f[4], f[5]) then place(f[4]) end
return 'ok'
