-- Breakers: what holds a work of a server after an outage, and lets one item of it try.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines store_breakers(), bound_breakers(), may_try()

-- Store what breakers_of() returns of a server: JSON, by work (the name of a task), there only while something fails:
-- { failures, failing (mailboxes), breaks (holds in a row), hold, hold_for, why, trial (the item that tries) }
local function store_breakers(server, breakers)
  local key = P .. ':server:' .. server
  if next(breakers) then
    redis.call('HSET', key, 'breaker', cjson.encode(breakers))
  else
    redis.call('HDEL', key, 'breaker')
  end
end

-- Let no hold last longer than it is long, even if the clock was put back since.
local function bound_breakers(server, breakers)
  local is_changed = false
  for work, one in pairs(breakers) do
    local till = broken_until(breakers, work)
    if till < number(one.hold) then
      one.hold, is_changed = string.format('%.0f', till), true
    end
  end
  if is_changed then store_breakers(server, breakers) end
end

-- Return whether an item of a work may go: of one whose hold has ended, one item at a time tries. It is noted.
local function may_try(server, breakers, work, id)
  local one = breakers[work]
  if number(one.breaks) == 0 then return true end
  if type(one.trial) == 'string' and redis.call('ZSCORE', P .. ':inflight', one.trial) then return false end
  one.trial = id
  store_breakers(server, breakers)
  return true
end
