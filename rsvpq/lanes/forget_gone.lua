-- Forget, a step at a time, what was decided on messages that are gone; for mailboxes of which a scan left many of them.
--
-- KEYS[1]  namespace
-- returns  1 where there is more to do, 0 where not
-- replay   goes on

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
