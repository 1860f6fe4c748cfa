-- What every script stands on. The files of this folder are put in front of each script, in the order of scripts.py,
-- since Redis scripts cannot require one another.
--
-- KEYS[1]  the hash tag of the namespace, such as {rsvpq}; every other key is made from it, so all live in one slot
-- ARGV[1]  microseconds to take for the time, or 0 for Redis' own clock (anything else is for tests)
--
-- Times and intervals are microseconds. An item is in exactly one state:
--   pending -> released -> running -> done | left | later | dead,   later | left -> pending,
--   an expired lease -> pending | dead
--
-- A slot (mailbox, server and pool) is taken at release and given back once per generation. The pace is GCRA, charged
-- when the item is about to press the server; from release until then the item holds a reservation:
--   a release is allowed while  max(tat - now, 0) + interval * reserved <= (burst - 1) * interval
-- so however long released items dwell in the broker, and even if all of them then start at once, the pace is kept.

-- Whatever is in Redis may be broken: deleted, evicted, of another type, written by somebody else. A script that fails in
-- its middle leaves half a change, so none may fail there: a key of another type is set aside and taken for missing, text
-- that is no number is one of no weight, and what an item must have is looked at before anything is changed. All that is
-- found broken is counted and named under `broken`.

local P = KEYS[1]
-- The most broken records that are named, and for how many seconds a key that was set aside is kept.
local MOST_NAMED_BROKEN, KEPT_ASIDE = 1000, 30 * 86400
-- No time or limit of ours is this large: in microseconds thirty years from the epoch on are less.
local FAR = 2 ^ 53

-- The number in a text; what is none, or endless, is the default.
local function number(text, default)
  local n = tonumber(text or '')
  if not n or n ~= n or n > FAR or n < -FAR then return default or 0 end
  return n
end

local function positive(text, default)
  local n = number(text)
  return n > 0 and n or default
end

local NOW = number(ARGV[1])
if NOW == 0 then
  local clock = redis.call('TIME')
  NOW = clock[1] * 1000000 + clock[2]
end
