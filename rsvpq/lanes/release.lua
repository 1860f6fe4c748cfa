-- Release what may run now, all limits checked before any is taken.
--
-- KEYS[1]  namespace
-- ARGV[2]  most items to release
-- returns  { { id, generation, work, mailbox, server, payload }, ... }
-- replay   releases others; what the lost reply named goes back to its lane when its release lease ends

return release(number(ARGV[2]))
