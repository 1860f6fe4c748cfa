-- Remember what topics of a mailbox were settled with before the ledger knew of it, as the mailbox itself shows it.
--
-- KEYS[1]  namespace
-- ARGV[2]  mailbox      ARGV[3] for how many seconds      ARGV[4] '1' where this is all: the ledger can vouch for it then
-- ARGV[5]  how many messages of the mailbox could not be read
-- ARGV[6+] topic, what it was settled with; what is remembered already stays, unless it is certainly an older edition:
--          what Redis has lost is the last that was written. It stays for as long as what is new
-- returns  1
-- replay   finds all of it remembered, and counts nothing

local mailbox = ARGV[2]
-- Its sequence, as Settled.to_text() writes it.
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
