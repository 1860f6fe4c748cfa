-- Read the same fields of many mailboxes: one JSON text is parsed in a fraction of the time of as many replies. Changes
-- nothing.
--
-- KEYS[1]   namespace
-- ARGV[1]   not read
-- ARGV[2]   how many fields
-- ARGV[3+]  the fields, then the mailboxes
-- Returns   JSON: for each mailbox the list of its values, false for those that it has not; {} for a broken record
-- Replay    reads again

local first = 3 + tonumber(ARGV[2])
local fields, rows = { unpack(ARGV, 3, first - 1) }, {}
for i = first, #ARGV do
  local found = api.pcall('HMGET', P .. ':mailbox:' .. ARGV[i], unpack(fields))
  rows[#rows + 1] = found.err and {} or found
end
return cjson.encode(rows)
