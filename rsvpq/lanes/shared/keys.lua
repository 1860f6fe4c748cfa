-- The keys that scripts make from names.

local function item_key(id) return P .. ':item:' .. id end
local function lane_key(mailbox) return P .. ':lane:' .. mailbox end
-- Of each message that waits for a person: why.
local function onhold_key(mailbox) return P .. ':onhold:' .. mailbox end
local function gate_key(gate) return P .. ':ready:' .. gate end

-- The messages of a server that were offered and are not final, by the time of their offer: the lag is read from it.
-- A dead one keeps that time itself.
local function unfinished_key(server) return P .. ':unfinished:' .. (server or '') end
