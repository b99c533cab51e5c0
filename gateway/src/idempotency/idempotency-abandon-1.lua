-- Gives an Idempotency-Key back: its request was not carried out. What is completed, or somebody else's, stays.
--
-- KEYS: 1 record (as in idempotency-begin-1.lua)
-- ARGV: owner
-- Returns: 1 given back, 0 not
local owner, status = unpack(redis.call('HMGET', KEYS[1], 'owner', 'status'))
if owner ~= ARGV[1] or status then return 0 end
return redis.call('DEL', KEYS[1])
