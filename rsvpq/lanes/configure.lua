-- Write configured limits; what an operator changed at run time stays in force.
--
-- KEYS[1]  namespace
-- ARGV[2]  'cfg' | 'pools' | 'server'      ARGV[3] name of the server, or ''
-- ARGV[4+] field, value for each
-- returns  1
-- replay   writes the same again

local key = P .. ':' .. ARGV[2]
if ARGV[2] == 'server' then
  key = key .. ':' .. ARGV[3]
  redis.call('SADD', P .. ':servers', ARGV[3])
end
for i = 4, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
return 1
