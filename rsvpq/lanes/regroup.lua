-- Take over the groups of mailboxes from the list. A mailbox without a record gets its group with its first scan.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2+]  mailbox, group ('' for none) for each
-- Returns   in how many of them nothing may start now, because their group is paused or rests
-- Replay    finds the groups as they are, and changes nothing

local stopped_now = 0
for i = 2, #ARGV, 2 do
  local mailbox, group = ARGV[i], ARGV[i + 1]
  local key = P .. ':mailbox:' .. mailbox
  if (redis.call('HGET', key, 'group') or '') ~= group and redis.call('EXISTS', key) == 1 then
    if group == '' then redis.call('HDEL', key, 'group') else redis.call('HSET', key, 'group', group) end
    place(mailbox)
  end
  local paused, rest = of_group(group ~= '' and group)
  if paused or rest > 0 then stopped_now = stopped_now + 1 end
end
return stopped_now
