-- Breakers: tell an outage of a server from the faults of single items, for each kind of work.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines broke(), mend(), bound_breakers(), may_try()

-- So many failures of a work (the name of a task) in a row, in so many mailboxes, with nothing done in between, are an
-- outage. The work is then held, shortly at first and never so long that the return of the server goes unnoticed for
-- minutes; the attempts are not charged, and after each hold one item tries. A success of another work proves nothing: a
-- server may find messages and answer none. But a mailbox where another work fails is one of those that are counted.
-- The field 'breaker' of a server is JSON, by work: { failures, failing (mailboxes), breaks (holds in a row), hold,
-- hold_for, why, trial (the item that tries) }. It is there only while something fails.
local MOST_FAILURES, FEWEST_MAILBOXES, FIRST_BREAK, LONGEST_BREAK = 6, 3, 15000000, 60000000

local function store_breakers(server, breakers)
  local key = P .. ':server:' .. server
  if next(breakers) then
    redis.call('HSET', key, 'breaker', cjson.encode(breakers))
  else
    redis.call('HDEL', key, 'breaker')
  end
end

-- Note that a work fails in a mailbox; return in how many it fails, or another work of the server.
local function note_failing(breakers, work, mailbox)
  local own, is_counted, count, is_known = {}, {}, 0, false
  for other, one in pairs(breakers) do
    for _, name in ipairs(type(one.failing) == 'table' and one.failing or {}) do
      if other == work then own[#own + 1], is_known = name, is_known or name == mailbox end
      if not is_counted[name] then is_counted[name], count = true, count + 1 end
    end
  end
  breakers[work].failing = own
  if not is_known and #own < FEWEST_MAILBOXES then own[#own + 1] = mailbox end
  return is_counted[mailbox] and count or count + 1
end

-- Count a failure; return for how long the work is held because of it, and why; nothing if it is not.
local function broke(server, work, mailbox, what)
  local breakers = breakers_of(redis.call('HGET', P .. ':server:' .. server, 'breaker'))
  local one = breakers[work] or {}
  breakers[work] = one
  one.failures = number(one.failures) + 1
  local breaking = note_failing(breakers, work, mailbox) >= FEWEST_MAILBOXES and one.failures >= MOST_FAILURES
  -- What was in flight when the work was held shares the hold.
  local wait = broken_until(breakers, work) - NOW
  if breaking and wait <= 0 then
    local breaks = number(one.breaks)
    wait = math.min(LONGEST_BREAK, FIRST_BREAK * 2 ^ math.min(breaks, 10))
    one.breaks, one.trial = breaks + 1, nil
    one.hold, one.hold_for = string.format('%.0f', NOW + wait), wait
    one.why = one.failures .. ' failures in a row, in several mailboxes; the last: ' .. what
  end
  store_breakers(server, breakers)
  if breaking then return wait, one.why end
end

-- The results of items that are done although nothing of their work was: a probe found the mailbox closed, a message was
-- gone.
local PROVES_NOTHING = { ['not-opened'] = true, gone = true }

-- Note that a work was done on a server: it was no outage, or that is over.
local function mend(server, work, result)
  if PROVES_NOTHING[result] then return end
  local key = P .. ':server:' .. server
  redis.call('HSET', key, 'went:' .. work, NOW)
  local breakers = breakers_of(redis.call('HGET', key, 'breaker'))
  if breakers[work] then
    breakers[work] = nil
    store_breakers(server, breakers)
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
  if not one or number(one.breaks) == 0 then return true end
  if type(one.trial) == 'string' and redis.call('ZSCORE', P .. ':inflight', one.trial) then return false end
  one.trial = id
  store_breakers(server, breakers)
  return true
end
