-- The audit: its records, the decisions that are known, and how those on messages that are gone are forgotten.
--
-- KEYS[1]   namespace
-- ARGV      read by record_decisions() only, from the index that it is given
-- Returns   nothing; defines audit(), record_decisions(), open_step(), forget_unseen()

-- The last millisecond of the year 9999.
local LAST_MS = 253402300799999

-- Add one record to the audit; its id is its time, on Redis' clock. Every record has all fields in this order, also
-- empty ones, so that the stream stores the names once per node and not with each record.
--   item    { id, facts, server, attempt }; the facts were made and redacted when the item was offered
--   record  the other fields, by name
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
  -- Another program has added an entry beyond the year 9999, and all later entries would get its time.
  if number(string.match(id, '^%d+'), FAR) <= LAST_MS then return end
  quarantine_key(P .. ':audit', 'stream-ended')
  redis.call('XADD', P .. ':audit', '*', unpack(fields))
end

-- Record the decisions on messages of one mailbox in the audit, if they are new or changed; return how many were.
--   first   index in ARGV of: the item id of the scan ('' if a worker decides), after how many seconds the decisions on
--           a mailbox that is not scanned any more are forgotten; then item id, digest of the decision, facts (JSON),
--           decision, rule and reason for each message. The digest is '' if a worker is to decide; then the message is
--           only noted as seen
-- The hash stores for each message the digest and the last scan that saw it; finish.lua forgets the messages that a
-- whole scan has not seen. A worker does not count as a scan: one later than its item's may be under way, and has seen the
-- message. Messages that wait for a person are stored beside it, with the reason.
local function record_decisions(mailbox, server, first)
  local key, scan = P .. ':decided:' .. mailbox, ARGV[first]
  local ids = {}
  for i = first + 2, #ARGV, 6 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return 0 end
  local known = redis.call('HMGET', key, unpack(ids))
  local recorded, seen, held, free = 0, {}, {}, {}
  for n, id in ipairs(ids) do
    local i = first + 6 * n - 4
    local digest = ARGV[i + 1]
    local before = known[n] and string.match(known[n], '^[^:]*') or ''
    if digest == '' then
      digest = before
    elseif before ~= digest then
      audit('decision', { id, ARGV[i + 2], server },
        { decision = ARGV[i + 3], rule = ARGV[i + 4], reason = ARGV[i + 5] })
      recorded = recorded + 1
    end
    if ARGV[i + 1] == '' then
      -- The worker decides.
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
  return recorded
end

-- Return the effect that was intended and not closed yet, and the generation that intended it; stored as '7:send'.
local function open_step(open)
  local generation, step = string.match(open or '', '^(%d+):(.*)$')
  return step or '', generation
end

-- Forget the decisions on messages that neither this scan of the whole mailbox nor a later one has seen: they are gone.
-- Examine this many messages from the cursor on; return the next cursor, '0' at the end.
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
