-- Record in the audit the decisions on one page of a scan: those that are new, or other than at the last scan.
--
-- KEYS[1]  namespace
-- ARGV[2]  mailbox      ARGV[3] server
-- ARGV[4+] as record_decisions() in shared/audit.lua takes them
-- returns  how many were recorded
-- replay   finds all of them known and records none

return record_decisions(ARGV[2], ARGV[3], 4)
