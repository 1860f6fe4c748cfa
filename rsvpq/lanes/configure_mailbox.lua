-- Write the configured limits of one mailbox that has a lane, as offer_scan.lua does with each scan.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   mailbox
-- ARGV[3]   interval, microseconds; '' for the default, as in the next three
-- ARGV[4]   burst
-- ARGV[5]   concurrency
-- ARGV[6]   weight
-- Returns   1; 0 for a mailbox without a lane, which gets its limits with its first scan
-- Replay    writes the same values again

local key = P .. ':mailbox:' .. ARGV[2]
if redis.call('TYPE', key).ok ~= 'hash' then return 0 end
for i, field in ipairs({ 'interval', 'burst', 'concurrency', 'weight' }) do
  if ARGV[2 + i] == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, ARGV[2 + i]) end
end
place(ARGV[2])
return 1
