-- Items: where each state stands, and how one leaves the ledger.

-- An item that cannot be worked leaves the ledger, and what there is of it is kept aside: if its message is still there,
-- the next scan offers it anew. What it had begun may be known by nobody else, so somebody looks into the mailbox first.
--   idle  whether certainly nobody works on it; else it stays in flight until its lease ends, and is not offered before
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

-- Whether it has ended, and only that is remembered of it: it stands in no lane and in no set.
local function is_remembered(state) return state == 'done' or state == 'left' or state == 'dropped' end

local PLACE_OF = { released = ':inflight', running = ':inflight', later = ':later', dead = ':dead' }
