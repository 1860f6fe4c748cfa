-- Tell the audit the decisions on one page of a scan: those that are new, or other than at the last scan.
--
-- KEYS[1]  namespace
-- ARGV[2]  mailbox      ARGV[3] server      ARGV[4] the scan's item id
-- ARGV[5]  seconds after which decisions on a mailbox that is not scanned any more are forgotten
-- ARGV[6+] item id, digest of the decision, facts (JSON), decision, rule, reason for each message; the digest is ''
--          where it is left to a worker, and then the message is only noted as seen
-- returns  how many were told
-- replay   finds all of them known and tells none
--
-- The hash keeps for each message the digest and the scan that saw it last; finish.lua forgets what a whole scan has not
-- seen.

local key = P .. ':decided:' .. ARGV[2]
local ids = {}
for i = 6, #ARGV, 6 do ids[#ids + 1] = ARGV[i] end
if #ids == 0 then return 0 end
local known = redis.call('HMGET', key, unpack(ids))
local told, seen = 0, {}
for n, id in ipairs(ids) do
  local i = 6 * n
  local digest = ARGV[i + 1]
  local before = known[n] and string.match(known[n], '^[^:]*') or ''
  if digest == '' then
    digest = before
  elseif before ~= digest then
    audit('decision', { id, ARGV[i + 2], ARGV[3] }, { decision = ARGV[i + 3], rule = ARGV[i + 4], reason = ARGV[i + 5] })
    told = told + 1
  end
  seen[#seen + 1] = id
  seen[#seen + 1] = digest .. ':' .. ARGV[4]
end
redis.call('HSET', key, unpack(seen))
redis.call('EXPIRE', key, ARGV[5])
return told
