-- Forget, one step per call, the decisions on messages that are gone; for mailboxes in which a scan missed too many to
-- forget them at once.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- Returns   1 if there is more to forget, 0 if not
-- Replay    takes the next step

local page = redis.call('HSCAN', P .. ':forgetting', '0', 'COUNT', 1)[2]
local mailbox, text = page[1], page[2]
if not mailbox then return 0 end
local cursor, scan = string.match(text, '^(%d+) (.+)$')
cursor = cursor and #cursor < 19 and forget_unseen(mailbox, scan, cursor) or '0'
if cursor == '0' then
  redis.call('HDEL', P .. ':forgetting', mailbox)
else
  redis.call('HSET', P .. ':forgetting', mailbox, cursor .. ' ' .. scan)
end
return redis.call('EXISTS', P .. ':forgetting')
