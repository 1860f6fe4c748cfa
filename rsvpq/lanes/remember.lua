-- Remember what topics of a mailbox were settled with before the ledger knew of it, as the mailbox itself tells it.
--
-- KEYS[1]  namespace
-- ARGV[2]  mailbox      ARGV[3] for how many seconds      ARGV[4] '1' where this is all: the ledger can vouch for it then
-- ARGV[5+] topic, what it was settled with; what is remembered already stays, unless it is certainly an older edition:
--          what Redis has lost is the last that it was told
-- returns  1
-- replay   finds all of it remembered

local mailbox = ARGV[2]
-- Its sequence, as Settled.to_text() writes it.
local function edition(text)
  local fields = decoded(text)
  return fields and tonumber(fields[3])
end

for i = 5, #ARGV, 2 do
  local key, told = topic_key(mailbox, ARGV[i]), ARGV[i + 1]
  if not redis.call('SET', key, told, 'NX', 'EX', ARGV[3]) then
    local text = redis.call('GET', key)
    local known, new = edition(text), edition(told)
    if not decoded(text) or (known and new and known < new) then redis.call('SET', key, told, 'EX', ARGV[3]) end
  end
end
if ARGV[4] == '1' then
  redis.call('HSETNX', P .. ':cfg', 'start', 1)
  redis.call('HSET', P .. ':mailbox:' .. mailbox, 'remembers', redis.call('HGET', P .. ':cfg', 'start'))
end
return 1
