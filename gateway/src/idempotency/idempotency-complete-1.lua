-- Keeps the answer of a request, if the Idempotency-Key is still the owner's. Again: changes nothing.
--
-- KEYS: 1 record (as in idempotency-begin-1.lua)
-- ARGV: owner, ms to keep it, status, headers (JSON), body (absent: too large to be kept)
-- Returns: 1 kept, 0 the key is somebody else's, or nobody's
local owner, status = unpack(redis.call('HMGET', KEYS[1], 'owner', 'status'))
if owner ~= ARGV[1] then return 0 end
if status then return 1 end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'headers', ARGV[4])
if ARGV[5] then redis.call('HSET', KEYS[1], 'body', ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
