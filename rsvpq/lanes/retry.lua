-- Retry a dead item, for an operator: it goes to the head of its lane, its attempts are reset, and its journal is kept.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   token, unique to this action and item
-- ARGV[4]   who, for the audit
-- ARGV[5]   why, for the audit
-- Returns   'retried' | 'unknown' (no such item) | the unchanged state of an item that is not dead
-- Replay    returns 'retried' by the token, which is kept for an hour, and changes nothing, even if the item has died
--           again

local id = ARGV[2]
local f = redis.call('HMGET', item_key(id), 'state', 'mailbox', 'server', 'facts', 'offered')
local mailbox, server = f[2], f[3]
if is_done(ARGV[3]) then return 'retried' end
if f[1] ~= 'dead' then return f[1] or 'unknown' end
if not (mailbox and server) then
  quarantine_item(id, 'item-incomplete', mailbox, server)
  return 'unknown'
end
note_done(ARGV[3])
redis.call('ZREM', P .. ':dead', id)
tally(server, 'dead', -1)
redis.call('HSET', item_key(id), 'attempts', 0)
-- The version before let scans be dead. Such a one is in the ledger only until the next is offered: no other is under way.
if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'last_scan') == id then
  redis.call('HSET', P .. ':mailbox:' .. mailbox, 'scan', id)
else
  redis.call('ZADD', unfinished_key(server), number(f[5], NOW), id)
  redis.call('HDEL', item_key(id), 'offered')
end
to_pending(id, mailbox)
count('retried', 1, server)
audit('operator', { id, f[4], server }, { who = ARGV[4], step = 'retry', reason = ARGV[5] })
place(mailbox)
return 'retried'
