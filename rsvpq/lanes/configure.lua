-- Write configured limits. What an operator changed at run time (live_*) stays in force.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   scope: 'cfg' | 'pools' | 'server'
-- ARGV[3]   name of the server; '' for the other scopes
-- ARGV[4+]  field, value for each limit; intervals and leases in microseconds
-- Returns   1
-- Replay    writes the same values again

local key = P .. ':' .. ARGV[2]
if ARGV[2] == 'server' then
  key = key .. ':' .. ARGV[3]
  redis.call('SADD', P .. ':servers', ARGV[3])
end
for i = 4, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
return 1
