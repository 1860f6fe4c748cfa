-- Offer messages to the lane of a mailbox. Known items stay as they are, unless they were left alone and are due to be
-- examined again, or the policy has changed.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   mailbox
-- ARGV[3]   server
-- ARGV[4]   most items to release in the same call
-- ARGV[5]   fingerprint of the policy in force; '' if unknown: then only the time counts
-- ARGV[6+]  id, work, pool, payload (JSON), facts (JSON for the audit; '' for none), topic ('' for none) for each item
-- Returns   { new, { released, ... } }: how many items were new or are examined again, and the released items as in
--           release.lua
-- Replay    finds the items known and adds nothing; may release more

local mailbox, server, policy = ARGV[2], ARGV[3], ARGV[5]
local new = 0
redis.call('HSETNX', P .. ':mailbox:' .. mailbox, 'server', server)
local home = redis.call('HGET', P .. ':mailbox:' .. mailbox, 'server')
if redis.call('SISMEMBER', P .. ':servers', home) == 0 and redis.call('SISMEMBER', P .. ':servers', server) == 1 then
  home = server
  redis.call('HSET', P .. ':mailbox:' .. mailbox, 'server', home)
end

-- A delivery of an item whose record is gone may still run; its message is offered when that is no longer possible.
local function is_new(id)
  if redis.call('HEXISTS', item_key(id), 'state') == 1 then return look_again(id, policy) end
  return not redis.call('ZSCORE', P .. ':inflight', id)
end

for i = 6, #ARGV, 6 do
  local id = ARGV[i]
  if is_new(id) then
    redis.call('HSET', item_key(id), 'state', 'pending', 'mailbox', mailbox, 'work', ARGV[i + 1], 'pool', ARGV[i + 2],
      'payload', ARGV[i + 3], 'server', home)
    if policy ~= '' then redis.call('HSET', item_key(id), 'asked', policy) end
    redis.call('ZADD', unfinished_key(home), NOW, id)
    if ARGV[i + 4] ~= '' then redis.call('HSET', item_key(id), 'facts', ARGV[i + 4]) end
    if ARGV[i + 5] ~= '' then redis.call('HSET', item_key(id), 'topic', ARGV[i + 5]) end
    redis.call('RPUSH', lane_key(mailbox), id)
    new = new + 1
  end
end
if new > 0 then place(mailbox) end
return { new, release(number(ARGV[4])) }
