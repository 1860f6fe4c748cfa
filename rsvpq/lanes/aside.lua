-- Set aside those keys of the broker that are of another type than Celery's: a worker neither starts nor goes on with them.
--
-- KEYS[1]  namespace
-- ARGV[2+] key, its type for each, as TYPE calls it
-- returns  how many were set aside
-- replay   finds none

local moved = 0
for i = 2, #ARGV, 2 do
  local key, found = ARGV[i], redis.call('TYPE', ARGV[i]).ok
  if found ~= 'none' and found ~= ARGV[i + 1] then
    redis.call('RENAME', key, P .. ':aside:' .. key)
    redis.call('EXPIRE', P .. ':aside:' .. key, KEPT_ASIDE)
    note_broken(key, 'wrong-type')
    moved = moved + 1
  end
end
return moved
