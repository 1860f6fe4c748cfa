-- Release what may run now; all limits are checked before any is taken.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   most items to release
-- Returns   { { id, generation, work, mailbox, server, payload (JSON) }, ... }
-- Replay    releases other items; those of the lost reply go back to their lanes when their release leases end

return release(number(ARGV[2]))
