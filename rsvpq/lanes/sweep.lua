-- Take back items whose lease has ended: a release that was lost on its way, or a worker that died. Trim the audit.
--
-- KEYS[1]  namespace
-- ARGV[2]  most items to look at
-- returns  { back in their lanes, dead because their attempts are used up }
-- replay   finds the rest

local back, dead = 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. ':inflight', '-inf', NOW, 'LIMIT', 0, ARGV[2])) do
  local f = redis.call('HMGET', item_key(id), 'mailbox', 'server', 'pool', 'state', 'attempts', 'facts', 'open')
  local mailbox = f[1]
  local ran = f[4] == 'running'
  local worn_out = ran and number(f[5]) >= number(CFG.attempts)
  if ran then
    audit(worn_out and 'dead' or 'failed', { id, f[6], f[2], f[5] },
      { step = open_step(f[7]), result = 'lost', reason = 'the worker was lost' })
  end
  give_back(id, mailbox, f[2], f[3])
  if worn_out then
    to_dead(id, f[2], 'the worker was lost on the last attempt')
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
-- Whole nodes only, and a bounded number of them; nothing is trimmed where no limit was configured.
local kept = redis.call('HMGET', P .. ':cfg', 'audit_retention', 'audit_most')
if kept[1] then
  redis.call('XTRIM', P .. ':audit', 'MINID', '~', string.format('%.0f', math.max(0, NOW - kept[1]) / 1000), 'LIMIT', 10000)
end
if kept[2] then redis.call('XTRIM', P .. ':audit', 'MAXLEN', '~', kept[2], 'LIMIT', 10000) end
if back > 0 then count('lease-expired', back) end
return { back, dead }
