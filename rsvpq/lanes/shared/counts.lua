-- What is counted: events for people, items by state, and slots.

-- Counted over all, and for the server.
local function count(label, by, server)
  redis.call('HINCRBY', P .. ':counts', label, by or 1)
  if server then redis.call('HINCRBY', P .. ':counts:' .. server, label, by or 1) end
end

-- How many of a server's items are in a state that no other key tells by server: 'later' or 'dead'.
local function tally(server, state, by)
  if server then redis.call('HINCRBY', P .. ':server:' .. server, state, by) end
end

-- One less in flight, or reserved; where it was none, the counter had lost its value.
local function lessen(key, field)
  if redis.call('HINCRBY', key, field, -1) >= 0 then return end
  note_broken(string.sub(key, #P + 2) .. '[' .. field .. ']', 'below-zero')
  redis.call('HSET', key, field, 0)
end
