-- Items: the place of each state, and how an item leaves the ledger.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines quarantine_item(), is_remembered(), PLACE_OF

-- Remove an item that cannot be worked from the ledger, and set its record aside. If the message is still there, the
-- next scan offers it anew; the mailbox is read before, because only that item knew what it had begun.
--   idle  whether certainly no worker has it; else it stays in flight until its lease ends, and is not offered before
local function quarantine_item(id, why, mailbox, server, idle)
  if idle then redis.call('ZREM', P .. ':inflight', id) end
  for _, key in ipairs({ ':later', ':dead' }) do redis.call('ZREM', P .. key, id) end
  if server then redis.call('ZREM', unfinished_key(server), id) end
  if mailbox then
    redis.call('LREM', lane_key(mailbox), 1, id)
    if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
      redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
    end
  end
  if string.sub(id, 1, 5) ~= 'scan-' then distrust(mailbox) end
  if redis.call('EXISTS', item_key(id)) == 1 then
    quarantine_key(item_key(id), why)
  else
    note_broken('item:' .. id, why)
  end
end

-- Return whether an item in this state has ended and only its end is stored: it stands in no lane and in no set.
local function is_remembered(state)
  return state == 'done' or state == 'left' or state == 'dropped' or state == 'failed'
end

local PLACE_OF = { released = ':inflight', running = ':inflight', later = ':later', dead = ':dead' }
