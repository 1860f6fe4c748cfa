-- Set aside keys of a wrong type that are used without a script, such as Celery's: with one of those no worker starts
-- or goes on. The scripts do so for every key that they use.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2+]  key, expected type (as TYPE names it) for each
-- Returns   how many keys were set aside
-- Replay    finds none, and returns 0

local moved = 0
for i = 2, #ARGV, 2 do
  local key, found = ARGV[i], redis.call('TYPE', ARGV[i]).ok
  if found ~= 'none' and found ~= ARGV[i + 1] then
    quarantine_key(key, 'wrong-type')
    moved = moved + 1
  end
end
return moved
