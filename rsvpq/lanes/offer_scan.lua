-- Offer a scan to the lane of a mailbox, and take over the mailbox's configured server, group and limits.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   mailbox
-- ARGV[3]   server
-- ARGV[4]   item id
-- ARGV[5]   work
-- ARGV[6]   pool
-- ARGV[7]   payload (JSON)
-- ARGV[8]   interval, microseconds; '' for the default, as in the next three
-- ARGV[9]   burst
-- ARGV[10]  concurrency
-- ARGV[11]  weight
-- ARGV[12]  facts (JSON for the audit; '' for none)
-- ARGV[13]  group; '' for none
-- Returns   'offered' | 'scanning' (a scan is under way) | 'full' (messages of the last scan still wait in the lane)
-- Replay    returns 'scanning' and adds nothing, even if this scan has ended in the meantime

local mailbox, server, id = ARGV[2], ARGV[3], ARGV[4]
local key = P .. ':mailbox:' .. mailbox
redis.call('SADD', P .. ':mailboxes', mailbox)
redis.call('HSET', key, 'server', server)
if ARGV[13] == '' then redis.call('HDEL', key, 'group') else redis.call('HSET', key, 'group', ARGV[13]) end
redis.call('HDEL', key, 'unlisted')
for i, field in ipairs({ 'interval', 'burst', 'concurrency', 'weight' }) do
  if ARGV[7 + i] == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, ARGV[7 + i]) end
end
local answer = 'offered'
-- A scan whose record is gone never ends; while a delivery of it may still run, it counts as under way.
local under_way = redis.call('HGET', key, 'scan')
if under_way and redis.call('HEXISTS', item_key(under_way), 'state') == 0
  and not redis.call('ZSCORE', P .. ':inflight', under_way) then
  quarantine_item(under_way, 'item-missing', mailbox, server)
  under_way = false
end
if under_way or redis.call('EXISTS', item_key(id)) == 1 then
  answer = 'scanning'
elseif redis.call('LLEN', lane_key(mailbox)) > 0 then
  answer = 'full'
else
  -- The record of the last scan is not needed once there is another one. The version before let scans be dead.
  local last = redis.call('HGET', key, 'last_scan')
  if last then
    if redis.call('ZREM', P .. ':dead', last) == 1 then tally(redis.call('HGET', item_key(last), 'server'), 'dead', -1) end
    redis.call('DEL', item_key(last))
  end
  redis.call('HSET', key, 'scan', id, 'last_scan', id)
  redis.call('HSET', item_key(id), 'state', 'pending', 'mailbox', mailbox, 'work', ARGV[5], 'pool', ARGV[6],
    'payload', ARGV[7], 'offered', NOW)
  if ARGV[12] ~= '' then redis.call('HSET', item_key(id), 'facts', ARGV[12]) end
  redis.call('RPUSH', lane_key(mailbox), id)
end
place(mailbox)
return answer
