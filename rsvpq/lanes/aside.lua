-- Set aside keys of another type than theirs that are used by others than these scripts, which do so whenever they meet one:
-- with one of Celery's no worker starts or goes on.
--
-- KEYS[1]  namespace
-- ARGV[2+] key, its type for each, as TYPE calls it
-- returns  how many were set aside
-- replay   finds none

-- Those of other namespaces keep their whole name.
local function set_aside_other(key)
  redis.call('RENAME', key, P .. ':aside:' .. key)
  redis.call('EXPIRE', P .. ':aside:' .. key, KEPT_ASIDE)
  note_broken(key, 'wrong-type')
end

local moved = 0
for i = 2, #ARGV, 2 do
  local key, found = ARGV[i], redis.call('TYPE', ARGV[i]).ok
  if found ~= 'none' and found ~= ARGV[i + 1] then
    local is_own = string.sub(key, 1, #P + 1) == P .. ':'
    if is_own then set_aside(key, 'wrong-type') else set_aside_other(key) end
    moved = moved + 1
  end
end
return moved
