-- Set aside keys of a wrong type that are used without these scripts (the scripts themselves do so for every key that they
-- use): with a wrong key of Celery no worker starts or goes on.
--
-- KEYS[1]  namespace
-- ARGV[2+] key, its type for each, as TYPE calls it
-- returns  how many were set aside
-- replay   finds none

local moved = 0
for i = 2, #ARGV, 2 do
  local key, found = ARGV[i], redis.call('TYPE', ARGV[i]).ok
  if found ~= 'none' and found ~= ARGV[i + 1] then
    quarantine_key(key, 'wrong-type')
    moved = moved + 1
  end
end
return moved
