-- Sum up, by server, the state of mailboxes and the reasons why items wait in their lanes. Changes nothing.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   JSON { closed: [names of the errors with which a scan says that its mailbox alone cannot be entered],
--           late: { GROUP: microseconds after which a scan is late }, late_else: that of other groups, if it has one }
-- ARGV[3+]  mailboxes
-- Returns   { number, JSON }: how many of the mailboxes were examined (the first ones, if there are too many for one
--           call), and:
--           { SERVER: { mailboxes, pending, never_scanned, late,
--             scanned: { oldest, newest }, empty if none was,
--             scanning: when the oldest scan that has not ended was offered, without those of mailboxes that cannot be
--             entered or are held; 0 for none,
--             failing: { NAME: { mailboxes, held, since } }: mailboxes whose last scan failed or that are held, by the
--             name of the error; how many of them are held, and since when the first,
--             on_hold: { REASON: messages that wait for a person; 'more' for those that were not read },
--             skipped: { JSON of what the last scan left alone, as it is stored: mailboxes that have it },
--             waiting: { REASON: { mailboxes, items } },
--             paused: [{ mailbox, and what its record has of PAUSED }, ...],
--             held: [{ mailbox, until_us, and hold_why if it has one }, ...],
--             limited: [{ mailbox, and what its record has of LIMITED }, ...] } }
--           All times are microseconds.
-- Replay    reads again

-- Most mailboxes of each kind that are named, for one server and in one call: as many as a call examines.
local MOST_NAMED = 250
-- Most messages on hold whose reasons are read, for one mailbox and in one call.
local MOST_ON_HOLD = 1000
-- The server of a mailbox whose record is gone.
local NOWHERE = '?'

-- Return a function that reads what another one reads, once for each name: nothing changes during a call of the script.
local function once(read)
  local known = {}
  return function(name)
    local found = known[name or '']
    if not found then
      found = { read(name) }
      known[name or ''] = found
    end
    return found[1], found[2]
  end
end

local function hindrance(l)
  if l.paused then return 'paused' end
  if l.hold > NOW then return 'held' end
  if l.n >= l.concurrency then return 'busy' end
  local at = earliest(l)
  return (not at or at > NOW) and 'pace' or nil
end

local server_hindrance = once(function(name) return hindrance(look_up('server', name, true)) end)
local breakers = once(function(name) return breakers_of(redis.call('HGET', P .. ':server:' .. name, 'breaker')) end)
local group_stops = once(of_group)
local is_deserted = once(deserted)
local pool_is_full = once(function(pool)
  local v = redis.call('HMGET', P .. ':pools', pool, 'most:' .. pool)
  return number(v[1]) >= positive(v[2], 1)
end)
-- By pool, then by server.
local has_its_share = once(function(pool)
  return once(function(name) return shared(name, pool) >= share(pool) end)
end)

-- Order of the reasons: operator actions, then holds of a server, then that nobody would take it, then what passes by
-- itself; the wider scope first.
local function why(mailbox, name, l)
  if not CFG.attempts then return 'no limits' end
  if CFG.paused then return 'everything paused' end
  local own, server = hindrance(l), server_hindrance(name)
  if server == 'paused' then return 'server paused' end
  if l.group_paused then return 'group paused' end
  if own == 'paused' then return 'mailbox paused' end
  if server == 'held' then return 'server held' end
  if own == 'held' then return 'mailbox held' end
  local head = redis.call('HMGET', item_key(redis.call('LINDEX', lane_key(mailbox), 0)), 'pool', 'work')
  if broken_until(breakers(name), head[2]) > NOW then return 'outage' end
  if CFG.rest > 0 or l.rest > 0 then return 'quiet hours' end
  local pool = head[1] or ''
  if is_deserted(pool) then return 'no worker' end
  if own then return 'mailbox ' .. own end
  if server then return 'server ' .. server end
  if has_its_share(pool)(name) then return 'server share' end
  return pool_is_full(pool) and 'workers busy' or 'ready'
end

-- Add the reasons of one mailbox; return how many were read.
local function add_on_hold(sums, mailbox)
  local key, read = onhold_key(mailbox), 0
  local all = redis.call('HLEN', key)
  if all == 0 then return 0 end
  local page = redis.call('HSCAN', key, '0', 'COUNT', MOST_ON_HOLD)[2]
  for i = 2, #page, 2 do
    sums[page[i]] = (sums[page[i]] or 0) + 1
    read = read + 1
  end
  if all > read then sums.more = (sums.more or 0) + all - read end
  return read
end

-- What is read of each mailbox: first LOOKED_UP, where limits_of() expects it, then these; and where each is.
local FIELDS = { unpack(LOOKED_UP) }
for _, field in ipairs({ 'scanned', 'scan', 'skipped', 'failed', 'failed_why' }) do FIELDS[#FIELDS + 1] = field end
-- A name that is not among them is an error, for where it stands would be none.
local PLACE = setmetatable({}, { __index = function(_, name) error('status.lua does not read ' .. name) end })
for place, field in ipairs(FIELDS) do PLACE[field] = place end

-- What is told of a mailbox that is paused, or has limits that an operator has set; as in status.py.
local PAUSED = { 'paused', 'paused_by', 'paused_at', 'paused_until' }
local LIMITED = { 'live_interval', 'live_burst', 'live_concurrency', 'live_by', 'live_at' }

-- Add a mailbox to a list, as a table with its name and those of these fields that its record has.
local function add_named(named, one, mailbox, fields)
  if #named >= MOST_NAMED then return end
  one.mailbox = mailbox
  for i, value in ipairs(redis.call('HMGET', P .. ':mailbox:' .. mailbox, unpack(fields))) do
    if value then one[fields[i]] = value end
  end
  named[#named + 1] = one
end

-- Add the items that wait in the lane of a mailbox, with the reason.
local function add_waiting(sums, mailbox, l, name, pending)
  local reason = why(mailbox, name, l)
  local sum = sums[reason] or { mailboxes = 0, items = 0 }
  sum.mailboxes, sum.items = sum.mailboxes + 1, sum.items + pending
  sums[reason] = sum
end

-- The longest name of an error that is told; what somebody else has written may be longer.
local LONGEST_NAME = 40

-- Add a mailbox whose last scan has failed, or that is held; return the name of the error: the text before the colon.
local function add_failing(sums, why, since, is_held)
  local name = string.sub(string.match(why, '^[^:]*'), 1, LONGEST_NAME)
  local sum = sums[name] or { mailboxes = 0, held = 0, since = since }
  sum.mailboxes, sum.held, sum.since = sum.mailboxes + 1, sum.held + (is_held and 1 or 0), math.min(sum.since, since)
  sums[name] = sum
  return name
end

local YARDSTICK, CLOSED = cjson.decode(ARGV[2]), {}
for _, name in ipairs(YARDSTICK.closed) do CLOSED[name] = true end

local totals, looked, read = {}, 0, 0
for i = 3, #ARGV do
  if read > MOST_ON_HOLD then break end
  looked = looked + 1
  local mailbox = ARGV[i]
  local key = P .. ':mailbox:' .. mailbox
  local v = redis.call('HMGET', key, unpack(FIELDS))
  local name, at, scan, skipped = v[PLACE.server] or NOWHERE, number(v[PLACE.scanned]), v[PLACE.scan], v[PLACE.skipped]
  local row = totals[name]
  if not row then
    row = { mailboxes = 0, pending = 0, never_scanned = 0, late = 0, scanned = {}, scanning = 0, failing = {}, on_hold = {},
      skipped = {}, waiting = {}, paused = {}, held = {}, limited = {} }
    totals[name] = row
  end
  local pending = redis.call('LLEN', lane_key(mailbox))
  row.mailboxes = row.mailboxes + 1
  row.pending = row.pending + pending
  if at == 0 then
    row.never_scanned = row.never_scanned + 1
  else
    local scanned = row.scanned
    scanned.oldest, scanned.newest = math.min(scanned.oldest or at, at), math.max(scanned.newest or at, at)
    local most = YARDSTICK.late[v[PLACE.group] or ''] or YARDSTICK.late_else
    if most and NOW - at > most then row.late = row.late + 1 end
  end
  read = read + add_on_hold(row.on_hold, mailbox)
  if skipped then row.skipped[skipped] = (row.skipped[skipped] or 0) + 1 end
  local held = v[PLACE.hold] and held_until(v[PLACE.hold], v[PLACE.hold_for]) or 0
  local one = { until_us = string.format('%.0f', held) }
  if held > NOW then add_named(row.held, one, mailbox, { 'hold_why' }) end
  local why, failed = v[PLACE.failed_why] or (held > NOW and (one.hold_why or '')), nil
  if why then
    local since = v[PLACE.failed] or number(v[PLACE.hold]) - number(v[PLACE.hold_for])
    failed = add_failing(row.failing, why, number(since), held > NOW)
  end
  local offered = scan and held <= NOW and not CLOSED[failed] and number(redis.call('HGET', item_key(scan), 'offered')) or 0
  if offered > 0 then row.scanning = row.scanning > 0 and math.min(row.scanning, offered) or offered end
  if v[PLACE.paused] then add_named(row.paused, {}, mailbox, PAUSED) end
  if v[PLACE.live_interval] or v[PLACE.live_burst] or v[PLACE.live_concurrency] then
    add_named(row.limited, {}, mailbox, LIMITED)
  end
  if pending > 0 then
    local paused, rest = group_stops(v[PLACE.group])
    add_waiting(row.waiting, mailbox, limits_of(key, v, paused, rest, true), name, pending)
  end
end
return { looked, cjson.encode(totals) }
