-- Values that every script uses. Redis scripts cannot require one another, so the files of this folder are put in front
-- of each script, in the order of scripts.py.
--
-- KEYS[1]   namespace: the hash tag of it, such as {rsvpq}; every other key begins with it, so that all are in one slot
-- ARGV[1]   time, microseconds; 0 for the clock of Redis (anything else is for tests)
-- Returns   nothing; defines P, NOW, number(), positive(), decoded()
--
-- Times and intervals are microseconds. An item is in exactly one state:
--   pending -> released -> running -> done | left | later | dead, or failed for a scan;   later | left -> pending,
--   an expired lease -> pending | dead | failed
--
-- A slot (mailbox, server and pool) is taken at release and given back once per generation. The pace is GCRA, charged
-- right before an effect on the server; from the release until then the item holds a reservation:
--   a release is allowed while  max(tat - now, 0) + interval * reserved <= (burst - 1) * interval
-- So the pace is kept however long released items wait in the broker, and even if all of them start at once.
--
-- Anything in Redis may be broken: deleted, evicted, of another type, or written by another program. A script that
-- fails halfway leaves half a change, so none may fail there: a key of another type is set aside and treated as
-- missing, text that is not a number counts as the default, and required fields are checked before anything is changed.
-- Broken records are counted, and named in `broken`.

local P = KEYS[1]
-- The most broken records that are named, and how long a key that was set aside is kept, seconds.
local MOST_NAMED_BROKEN, KEPT_ASIDE = 1000, 30 * 86400
-- Larger than every time and limit: as microseconds since the epoch, this is the year 2255.
local FAR = 2 ^ 53

-- Return the number in a text; the default (or 0) if it is not a finite number.
local function number(text, default)
  local n = tonumber(text or '')
  if not n or n ~= n or n > FAR or n < -FAR then return default or 0 end
  return n
end

local function positive(text, default)
  local n = number(text)
  return n > 0 and n or default
end

-- Return the table in a JSON text; nil if there is none.
local function decoded(text)
  local ok, found = pcall(cjson.decode, text or '')
  return ok and type(found) == 'table' and found or nil
end

local NOW = number(ARGV[1])
if NOW == 0 then
  local clock = redis.call('TIME')
  NOW = clock[1] * 1000000 + clock[2]
end
