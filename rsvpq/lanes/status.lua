-- Sum up, by server, the state of mailboxes and the reasons why items wait in their lanes. Changes nothing.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2+]  mailboxes
-- Returns   { number, JSON }: how many of the mailboxes were examined (the first ones, if there are too many for one
--           call), and:
--           { SERVER: { mailboxes, pending, never_scanned,
--             scanned: [oldest, newest],
--             scanning: when the oldest scan that has not ended was offered; 0 for none,
--             on_hold: { REASON: messages that wait for a person; 'more' for those that were not read },
--             skipped: { REASON: messages that the last scan of each mailbox left alone },
--             waiting: { REASON: [mailboxes, items] },
--             paused: [[mailbox, reason, by, at, until], ...],
--             held: [[mailbox, until, why], ...],
--             limited: [[mailbox, interval, burst, concurrency, by, at], ...] } }
--           All times are microseconds.
-- Replay    reads again

local MOST_NAMED = 100
-- Most messages on hold whose reasons are read, for one mailbox and in one call.
local MOST_ON_HOLD = 1000
-- The server of a mailbox whose record is gone.
local NOWHERE = '?'

local function hindrance(l)
  if l.paused then return 'paused' end
  if l.hold > NOW then return 'held' end
  if l.n >= l.concurrency then return 'busy' end
  local at = earliest(l)
  return (not at or at > NOW) and 'pace' or nil
end

local servers, pools = {}, {}

local function server_hindrance(name)
  if not servers[name] then servers[name] = { hindrance(look_up('server', name, true)) } end
  return servers[name][1]
end

local function pool_is_full(pool)
  if pools[pool] == nil then
    local v = redis.call('HMGET', P .. ':pools', pool, 'most:' .. pool)
    pools[pool] = number(v[1]) >= positive(v[2], 1)
  end
  return pools[pool]
end

-- Order of the reasons: operator actions, then holds of a server, then that nobody would take it, then what passes by
-- itself; the wider scope first.
local function why(mailbox, name)
  if not CFG.attempts then return 'no limits' end
  if CFG.paused then return 'everything paused' end
  local l = look_up('mailbox', mailbox, true)
  local own, server = hindrance(l), server_hindrance(name)
  for _, reason in ipairs({ 'paused', 'held' }) do
    if server == reason then return 'server ' .. reason end
    if reason == 'paused' and l.group_paused then return 'group paused' end
    if own == reason then return 'mailbox ' .. reason end
  end
  if CFG.rest > 0 or l.rest > 0 then return 'quiet hours' end
  local head = redis.call('LINDEX', lane_key(mailbox), 0)
  local pool = redis.call('HGET', item_key(head), 'pool') or ''
  if deserted(pool) then return 'no worker' end
  if own then return 'mailbox ' .. own end
  if server then return 'server ' .. server end
  if shared(name, pool) >= share(pool) then return 'server share' end
  return pool_is_full(pool) and 'workers busy' or 'ready'
end

-- Add the reasons of one mailbox; return how many were read.
local function add_on_hold(sums, mailbox)
  local key, read = onhold_key(mailbox), 0
  local all = redis.call('HLEN', key)
  local page = all > 0 and redis.call('HSCAN', key, '0', 'COUNT', MOST_ON_HOLD)[2] or {}
  for i = 2, #page, 2 do
    sums[page[i]] = (sums[page[i]] or 0) + 1
    read = read + 1
  end
  if all > read then sums.more = (sums.more or 0) + all - read end
  return read
end

-- Add what the last scan of a mailbox left alone; the text is JSON, unless somebody else wrote it.
local function add_skipped(sums, text)
  local found = decoded(text)
  if type(found) ~= 'table' then return end
  for reason, messages in pairs(found) do
    if type(reason) == 'string' and type(messages) == 'number' then sums[reason] = (sums[reason] or 0) + messages end
  end
end

local totals, looked, read = {}, 0, 0
for i = 2, #ARGV do
  if read > MOST_ON_HOLD then break end
  looked = looked + 1
  local mailbox = ARGV[i]
  local fields = { 'server', 'scanned', 'paused', 'paused_by', 'paused_at', 'scan', 'hold', 'hold_why', 'hold_for',
    'live_interval', 'live_burst', 'live_concurrency', 'live_by', 'live_at', 'paused_until', 'skipped' }
  local v = redis.call('HMGET', P .. ':mailbox:' .. mailbox, unpack(fields))
  local name, at = v[1] or NOWHERE, number(v[2])
  if not totals[name] then
    totals[name] = { mailboxes = 0, pending = 0, never_scanned = 0, scanned = {}, scanning = 0, on_hold = {}, skipped = {},
      waiting = {}, paused = {}, held = {}, limited = {} }
  end
  local row, pending = totals[name], redis.call('LLEN', lane_key(mailbox))
  row.mailboxes = row.mailboxes + 1
  row.pending = row.pending + pending
  if at == 0 then
    row.never_scanned = row.never_scanned + 1
  else
    row.scanned = { math.min(row.scanned[1] or at, at), math.max(row.scanned[2] or at, at) }
  end
  local offered = v[6] and number(redis.call('HGET', item_key(v[6]), 'offered')) or 0
  if offered > 0 then row.scanning = row.scanning > 0 and math.min(row.scanning, offered) or offered end
  read = read + add_on_hold(row.on_hold, mailbox)
  if v[16] then add_skipped(row.skipped, v[16]) end
  local held = held_until(v[7], v[9])
  if held > NOW and #row.held < MOST_NAMED then
    row.held[#row.held + 1] = { mailbox, string.format('%.0f', held), v[8] or '' }
  end
  if v[3] and #row.paused < MOST_NAMED then
    row.paused[#row.paused + 1] = { mailbox, v[3], v[4] or '', v[5] or '', v[15] or '' }
  end
  if (v[10] or v[11] or v[12]) and #row.limited < MOST_NAMED then
    row.limited[#row.limited + 1] = { mailbox, v[10] or '', v[11] or '', v[12] or '', v[13] or '', v[14] or '' }
  end
  if pending > 0 then
    local reason = why(mailbox, name)
    local sum = row.waiting[reason] or { 0, 0 }
    row.waiting[reason] = { sum[1] + 1, sum[2] + pending }
  end
end
return { looked, cjson.encode(totals) }
