-- Change what an operator may change at run time: pause, resume, limits, a hold.
--
-- KEYS[1]  namespace
-- ARGV[2]  scope: 'all' | 'mailbox' | 'server'      ARGV[3] name ('' for all)
-- ARGV[4+] field, value for each: paused, live_interval, live_burst, live_concurrency, or hold as a delay from now;
--          an empty value removes the field
-- returns  1
-- replay   sets the same again

local scope, name = ARGV[2], ARGV[3]
local key = scope == 'all' and P .. ':cfg' or P .. ':' .. scope .. ':' .. name
for i = 4, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' then
    redis.call('HDEL', key, field)
  elseif field == 'hold' then
    redis.call('HSET', key, 'hold', math.max(number(redis.call('HGET', key, 'hold')), NOW + number(value)))
  else
    redis.call('HSET', key, field, value)
  end
end
if scope == 'mailbox' then place(name) end
return 1
