-- Takes an Idempotency-Key for a request, or says what became of the request that has it.
--
-- KEYS: 1 record (hash: fingerprint, owner; once carried out: status, headers, and body if it was kept)
-- ARGV: fingerprint, owner, ms after which a request in flight is given up
-- Returns: started | in-flight | mismatch | done, ms until a request in flight is given up
local fingerprint, owner, status = unpack(redis.call('HMGET', KEYS[1], 'fingerprint', 'owner', 'status'))
if not fingerprint then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { 'started', 0 }
end
if fingerprint ~= ARGV[1] then return { 'mismatch', 0 } end
if status then return { 'done', 0 } end
-- The connection broke, and the same command was sent again.
if owner == ARGV[2] then return { 'started', 0 } end
return { 'in-flight', redis.call('PTTL', KEYS[1]) }
