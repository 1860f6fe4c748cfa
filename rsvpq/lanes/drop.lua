-- Give up a dead item for good, for an operator. Its id is kept, so that no scan offers the message again.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   item id
-- ARGV[3]   who, for the audit
-- ARGV[4]   why, for the audit
-- Returns   'dropped' | 'unknown' (no such item) | the unchanged state of an item that is neither dead nor dropped
-- Replay    finds the item dropped, and changes nothing

local id = ARGV[2]
local f = redis.call('HMGET', item_key(id), 'state', 'mailbox', 'server', 'facts', 'generation', 'attempts')
if f[1] ~= 'dead' then return f[1] or 'unknown' end
redis.call('ZREM', P .. ':dead', id)
tally(f[3], 'dead', -1)
-- It never expires, unlike a done item: that one is marked in the mailbox, and this one may lie there unmarked.
redis.call('DEL', item_key(id))
redis.call('HSET', item_key(id), 'state', 'dropped', 'generation', f[5] or 0, 'finished', f[5] or 0,
  'mailbox', f[2] or '', 'server', f[3] or '', 'attempts', f[6] or 0, 'reason', ARGV[4])
count('dropped', 1, f[3] or nil)
audit('operator', { id, f[4], f[3] }, { who = ARGV[3], step = 'drop', reason = ARGV[4] })
return 'dropped'
