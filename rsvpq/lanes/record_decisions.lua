-- Record the decisions on one page of a scan in the audit: those that are new or have changed since the last scan.
--
-- KEYS[1]   namespace
-- ARGV[1]   time, microseconds; 0 for the clock of Redis
-- ARGV[2]   mailbox
-- ARGV[3]   server
-- ARGV[4+]  the decisions, as record_decisions() in shared/audit.lua takes them
-- Returns   how many decisions were recorded
-- Replay    finds all of them known, and returns 0

return record_decisions(ARGV[2], ARGV[3], 4)
