-- Compare the slots taken of mailboxes, servers and pools with the items in flight, and correct the counters that
-- differ. A call compares everything that has items in flight, all pools, and the next page of servers and mailboxes.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- Returns   how many counters were wrong; -1 if too many items are in flight to count them in one call
-- Replay    finds the counters correct, and changes nothing

local AT_ONCE = 100
local n, reserved = count_in_flight()
if not n then return -1 end
local wrong, looked_at = 0, {}

local function compare(kind, name, key, field)
  local stored = redis.call('HMGET', key, field, 'reserved')
  local right = { [field] = n[kind .. name] or 0 }
  if kind ~= 'pool:' then right.reserved = reserved[kind .. name] or 0 end
  local differs = false
  for counter, value in pairs(right) do
    local has = stored[counter == field and 1 or 2]
    if (has or value ~= 0) and tonumber(has or '') ~= value then
      redis.call('HSET', key, counter, value)
      note_broken(string.sub(key, #P + 2) .. '[' .. counter .. ']', 'wrong-slots')
      differs = true
    end
  end
  if differs then wrong = wrong + 1 end
  return differs
end

local function compare_party(kind, name)
  local known = kind .. name
  if looked_at[known] then return end
  looked_at[known] = true
  look_up(string.sub(kind, 1, -2), name)  -- which bounds its stamps
  if compare(kind, name, P .. ':' .. known, 'n') and kind == 'mailbox:' then place(name) end
end

local function compare_page(kind, set)
  local page = redis.call('SSCAN', P .. ':' .. set, cursor_of(set), 'COUNT', AT_ONCE)
  redis.call('HSET', P .. ':check', set, page[1])
  for _, name in ipairs(page[2]) do compare_party(kind, name) end
end

for known in pairs(n) do
  local kind, name = string.match(known, '^(%a+:)(.*)$')
  if kind ~= 'pool:' then compare_party(kind, name) end
end
compare_page('server:', 'servers')
compare_page('mailbox:', 'mailboxes')
local slots = 0
for _, field in ipairs(redis.call('HKEYS', P .. ':pools')) do
  local pool = string.match(field, '^most:(.*)$')
  if pool then
    compare('pool:', pool, P .. ':pools', pool)
    slots = slots + number(redis.call('HGET', P .. ':pools', pool))
  end
end
redis.call('HSET', P .. ':check', 'at', NOW, 'in_flight', redis.call('ZCARD', P .. ':inflight'), 'slots', slots)
if wrong > 0 then redis.call('HINCRBY', P .. ':check', 'wrong', wrong) end
return wrong
