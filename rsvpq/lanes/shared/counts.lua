-- Counters: events for people, items by state, and slots.
--
-- KEYS[1]   namespace
-- ARGV      not read
-- Returns   nothing; defines count(), tally(), lessen()

-- Count an event, in total and for the server.
local function count(label, by, server)
  redis.call('HINCRBY', P .. ':counts', label, by or 1)
  if server then redis.call('HINCRBY', P .. ':counts:' .. server, label, by or 1) end
end

-- Count the items of a server in a state that no other key holds by server: 'later' or 'dead'.
local function tally(server, state, by)
  if server then redis.call('HINCRBY', P .. ':server:' .. server, state, by) end
end

-- Decrement a counter of slots or reservations; one that falls below zero had lost its value.
local function lessen(key, field)
  if redis.call('HINCRBY', key, field, -1) >= 0 then return end
  note_broken(string.sub(key, #P + 2) .. '[' .. field .. ']', 'below-zero')
  redis.call('HSET', key, field, 0)
end
