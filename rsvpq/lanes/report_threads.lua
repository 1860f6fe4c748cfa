-- Report how many threads a worker has for some pools: a server gets a part of them (share() in shared/slots.lua).
--
-- KEYS[1]  namespace
-- ARGV[2]  the worker, by host and process      ARGV[3] its threads      ARGV[4] how long the report is valid, microseconds
-- ARGV[5+] the pools
-- returns  1
-- replay   writes the same again

-- What is believed for much longer than that was said before the clock was put back, or by no worker.
local MUCH = 10

for i = 5, #ARGV do
  local key, all, smallest = P .. ':crew:' .. ARGV[i], 0, false
  redis.call('ZREMRANGEBYSCORE', key, '-inf', NOW)
  redis.call('ZREMRANGEBYSCORE', key, NOW + MUCH * number(ARGV[4]), '+inf')
  redis.call('ZADD', key, NOW + number(ARGV[4]), ARGV[2] .. ' ' .. ARGV[3])
  for _, worker in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local threads = number(string.match(worker, ' (%d+)$'))
    all, smallest = all + threads, math.min(smallest or threads, threads)
  end
  redis.call('HSET', P .. ':pools', 'threads:' .. ARGV[i], all, 'smallest:' .. ARGV[i], smallest)
end
return 1
