-- Take back items whose lease has ended: a release that was lost on its way, or a worker that died.
--
-- KEYS[1]  namespace
-- ARGV[2]  most items to look at
-- returns  { back in their lanes, dead because their attempts are used up }
-- replay   finds the rest

local back, dead = 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':inflight', '-inf', NOW, 'LIMIT', 0, ARGV[2])) do
  local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'pool', 'state', 'attempts')
  local mailbox = f[1]
  local worn_out = f[4] == 'running' and number(f[5]) >= number(CFG.attempts)
  give_back(id, mailbox, f[2], f[3])
  if worn_out then
    to_dead(id, 'the worker was lost on the last attempt')
    if redis.call('HGET', P .. ':mailbox:' .. mailbox, 'scan') == id then
      redis.call('HDEL', P .. ':mailbox:' .. mailbox, 'scan')
    end
    dead = dead + 1
  else
    to_pending(id, mailbox)
    back = back + 1
  end
  place(mailbox)
end
if back > 0 then count('lease-expired', back) end
return { back, dead }
