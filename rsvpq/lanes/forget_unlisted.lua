-- Forget mailboxes that have left the list long ago, if nothing of them is in the ledger any more.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   how long a mailbox is kept after it was first found missing from the list, microseconds
-- ARGV[3+]  mailboxes that are not in the list, and have no dead message
-- Returns   how many were forgotten
-- Replay    finds them forgotten, and changes nothing
--
-- What an operator has set for a mailbox (a pause, limits) stays, and with it the mailbox. The answers that were given in
-- it are remembered elsewhere, by the identity of the mailbox (topic:MAILBOX:TOPIC).

local function is_in_use(mailbox, v)
  local set_by_operator = v[4] or v[5] or v[6] or v[7]
  local in_ledger = number(v[1]) > 0 or v[2] or redis.call('LLEN', lane_key(mailbox)) > 0
    or (v[3] and redis.call('ZSCORE', P .. ':dead', v[3]))
  return set_by_operator or in_ledger or redis.call('EXISTS', onhold_key(mailbox)) == 1
    or redis.call('HEXISTS', P .. ':drafts', mailbox) == 1
end

local forgotten = 0
for i = 3, #ARGV do
  local mailbox = ARGV[i]
  local key = P .. ':mailbox:' .. mailbox
  local v = redis.call('HMGET', key, 'n', 'scan', 'last_scan', 'paused', 'live_interval', 'live_burst', 'live_concurrency',
    'unlisted')
  if not v[8] then
    redis.call('HSET', key, 'unlisted', NOW)
  elseif NOW - number(v[8], NOW) >= number(ARGV[2]) and not is_in_use(mailbox, v) then
    redis.call('SREM', P .. ':mailboxes', mailbox)
    redis.call('ZREM', P .. ':wait', mailbox)
    redis.call('HDEL', P .. ':forgetting', mailbox)
    redis.call('DEL', key, P .. ':decided:' .. mailbox)
    forgotten = forgotten + 1
  end
end
return forgotten
