-- Report how many threads a worker has for some pools. A server gets a share of them (share() in shared/slots.lua).
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   the worker, by host and process
-- ARGV[3]   number of its threads
-- ARGV[4]   how long the report is valid, microseconds
-- ARGV[5+]  pools
-- Returns   1
-- Replay    writes the same report again

-- A report that is valid for much longer was made before the clock was put back, or by another program.
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
