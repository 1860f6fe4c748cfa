-- Claim a run of a schedule, unless it or a later one was claimed before.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   group; '' for all mailboxes
-- ARGV[3]   timetable, which distinguishes the schedules of a group
-- ARGV[4]   run, a number that grows from run to run
-- ARGV[5]   the latest run that anybody can have claimed; a later claim is from before the clock was set back
-- Returns   1 if the run is claimed by this call; 0 if it was claimed before
-- Replay    returns 0: this run is then lost, and the next one comes

local key = P .. ':schedule:' .. ARGV[2] .. ':' .. ARGV[3]
local before = tonumber(redis.call('GET', key) or '')
if before and before >= number(ARGV[4]) and before <= number(ARGV[5]) then return 0 end
redis.call('SET', key, ARGV[4])
return 1
