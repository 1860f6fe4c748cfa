-- Slots: charge them, share them between servers, and give them back.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines charge(), share(), shared(), deserted(), taken(), near, give_back()

-- Turn the reservation of an item into a charge to both paces, before or after its effect on the server; once per
-- generation. Return whether this call did it.
local function charge(id, mailbox, server)
  if redis.call('HGET', item_key(id), 'charged') == '1' then return false end
  redis.call('HSET', item_key(id), 'charged', '1')
  for _, l in ipairs({ look_up('mailbox', mailbox), look_up('server', server) }) do
    -- If the pace has changed since the release, this may be one too many; never charge more than a full burst.
    local tat = math.min(math.max(l.tat, NOW) + l.interval, NOW + l.burst * l.interval)
    redis.call('HSET', l.key, 'reserved', math.max(0, l.reserved - 1), 'tat', tat)
  end
  return true
end

-- Return how many items of one server may be in flight in a pool: a part of the threads of all its workers, and fewer
-- than the smallest worker has, so that a slow server never occupies a whole worker; but at least one.
local function share(pool)
  local part = number(CFG.server_share, 100)
  if part >= 100 then return math.huge end
  local v = redis.call('HMGET', P .. ':pools', 'threads:' .. pool, 'smallest:' .. pool)
  return math.max(1, math.min(math.floor(number(v[1]) * part / 100), number(v[2]) - 1))
end

-- Return how many items of a server are in flight in a pool.
local function shared(server, pool) return number(redis.call('HGET', P .. ':server:' .. server, 'n:' .. pool)) end

-- Return whether a pool had workers and has none now. Whatever is released to it only holds slots of its mailbox and its
-- server until its lease ends, again and again, and keeps them from the other pools. A worker reports before it takes
-- anything; and a pool that nobody has ever reported for may be served by workers that do not report.
local function deserted(pool)
  return redis.call('HEXISTS', P .. ':pools', 'threads:' .. pool) == 1
    and redis.call('ZCOUNT', P .. ':crew:' .. pool, '(' .. string.format('%.0f', NOW), '+inf') == 0
end

-- Return the time of the latest release of a pool that a worker is known to have started.
local function taken(pool) return number(redis.call('HGET', P .. ':pools', 'taken:' .. pool)) end

-- The gates at which this call has made room.
local near = {}

-- Take an item out of flight: give back its slots, and its reservation if it was never charged.
local function give_back(id, mailbox, server, pool)
  redis.call('ZREM', P .. ':inflight', id)
  local f = redis.call('HMGET', item_key(id), 'charged', 'state', 'since', 'shared')
  for _, key in ipairs({ P .. ':mailbox:' .. mailbox, P .. ':server:' .. server }) do
    lessen(key, 'n')
    if f[1] ~= '1' then lessen(key, 'reserved') end
  end
  lessen(P .. ':pools', pool)
  if f[4] then lessen(P .. ':server:' .. server, 'n:' .. pool) end
  near[#near + 1] = server .. ':' .. pool
  if f[2] == 'running' and number(f[3]) > taken(pool) then
    redis.call('HSET', P .. ':pools', 'taken:' .. pool, f[3])
  end
  redis.call('HDEL', item_key(id), 'owner', 'charged', 'since', 'unstarted', 'refused', 'shared')
end
