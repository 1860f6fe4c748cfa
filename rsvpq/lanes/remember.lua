-- Remember what topics of a mailbox were settled with before the ledger knew of it, as the mailbox itself tells it.
--
-- KEYS[1]  namespace
-- ARGV[2]  mailbox      ARGV[3] for how many seconds      ARGV[4] '1' where this is all: the ledger can vouch for it then
-- ARGV[5+] topic, what it was settled with; what is remembered already stays as it is
-- returns  1
-- replay   finds all of it remembered

local mailbox = ARGV[2]
for i = 5, #ARGV, 2 do redis.call('SET', topic_key(mailbox, ARGV[i]), ARGV[i + 1], 'NX', 'EX', ARGV[3]) end
if ARGV[4] == '1' then
  redis.call('HSETNX', P .. ':cfg', 'start', 1)
  redis.call('HSET', P .. ':mailbox:' .. mailbox, 'remembers', redis.call('HGET', P .. ':cfg', 'start'))
end
return 1
