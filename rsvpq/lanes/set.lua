-- Change what an operator may change at run time: pause, resume (which ends a hold), confirm, limits.
--
-- KEYS[1]  namespace
-- ARGV[2]  scope: 'all' | 'mailbox' | 'server'      ARGV[3] name ('' for all)
-- ARGV[4]  a token unique to this action, for the audit; '' where it is not to be recorded
-- ARGV[5]  who    ARGV[6] what: pause, resume or limit    ARGV[7] why    ARGV[8] with which values
-- ARGV[9]  facts (JSON), which name the mailbox     ARGV[10] the server, or ''
-- ARGV[11+] field, value for each: paused, confirmed, live_interval, live_burst, live_concurrency; an empty value removes
--          the field, and so it ends a hold
-- returns  1
-- replay   sets the same again, and the token, kept for an hour, says that it was recorded

local scope, name = ARGV[2], ARGV[3]
local key = scope == 'all' and P .. ':cfg' or P .. ':' .. scope .. ':' .. name
for i = 11, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if field == 'paused' then
    redis.call('HDEL', key, 'paused', 'paused_by', 'paused_at')
    if value ~= '' then redis.call('HSET', key, 'paused', value, 'paused_by', ARGV[5], 'paused_at', NOW) end
  elseif value == '' then
    redis.call('HDEL', key, field, field == 'hold' and 'hold_why' or field)
  else
    redis.call('HSET', key, field, value)
  end
end
if ARGV[4] ~= '' and is_first(ARGV[4]) then
  audit('operator', { '', ARGV[9], ARGV[10] }, { who = ARGV[5], step = ARGV[6], reason = ARGV[7], note = ARGV[8] })
end
-- What waits under the old limits is looked at under the new ones.
if scope == 'mailbox' then place(name) elseif scope == 'server' then look_up('server', name) end
return 1
