-- The keys that scripts make from names.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines item_key(), lane_key(), onhold_key(), gate_key(), group_key(), parked_key(),
--           unfinished_key()

local function item_key(id) return P .. ':item:' .. id end
local function lane_key(mailbox) return P .. ':lane:' .. mailbox end
-- Why messages wait for a person, by item id.
local function onhold_key(mailbox) return P .. ':onhold:' .. mailbox end
local function gate_key(gate) return P .. ':ready:' .. gate end
-- What operators and schedules have set for a group of mailboxes.
local function group_key(group) return P .. ':group:' .. group end
-- The mailboxes that a pause of their group has taken from their gates.
local function parked_key(group) return P .. ':parked:' .. group end

-- The messages of a server that were offered and are not final, by the time of their offer; the lag is computed from
-- it. A dead item stores that time in its own record.
local function unfinished_key(server) return P .. ':unfinished:' .. (server or '') end
