-- Store what settled topics of a mailbox before the ledger knew of it, as the mailbox itself shows.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   mailbox
-- ARGV[3]   how long to keep it, seconds
-- ARGV[4]   '1' if this is the last page: from then on the ledger vouches for ARGV[3] seconds back
-- ARGV[5]   how many messages of the mailbox could not be read
-- ARGV[6+]  topic, what settled it for each. What is stored already is kept for as long as new entries, and replaced
--           only if it is certainly an older edition, because Redis loses the latest writes first
-- Returns   1
-- Replay    finds all of it stored, and counts nothing

local mailbox = ARGV[2]
-- Return the sequence of an edition, from the format of Settled.to_text().
local function edition(text)
  local fields = decoded(text)
  return fields and tonumber(fields[3])
end

for i = 6, #ARGV, 2 do
  local key, settled = topic_key(mailbox, ARGV[i]), ARGV[i + 1]
  if not redis.call('SET', key, settled, 'NX', 'EX', ARGV[3]) then
    local text = redis.call('GET', key)
    local known, new = edition(text), edition(settled)
    if not decoded(text) or (known and new and known < new) then redis.call('SET', key, settled, 'EX', ARGV[3]) end
    if redis.call('TTL', key) < number(ARGV[3]) then redis.call('EXPIRE', key, ARGV[3]) end
  end
end
if ARGV[4] == '1' then
  redis.call('HSETNX', P .. ':cfg', 'start', string.format('%.0f', NOW))  -- as in distrust()
  if number(ARGV[5]) > 0 and vouched(mailbox) < number(ARGV[3]) then
    count('recollected:unreadable', ARGV[5], redis.call('HGET', P .. ':mailbox:' .. mailbox, 'server') or nil)
  end
  redis.call('HSET', P .. ':mailbox:' .. mailbox, 'remembers', redis.call('HGET', P .. ':cfg', 'start'),
    'remembers_s', ARGV[3])
end
return 1
