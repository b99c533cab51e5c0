-- Keeps a product for a while, unless a newer version of it is kept already.
--
-- KEYS: 1 page (hash)   version, json
-- ARGV: version, JSON (empty: only what is older goes), seconds
-- Returns 1 when it is kept, 0 when a newer one stays.
local known = redis.call('HGET', KEYS[1], 'version')
if known and tonumber(known) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'json', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
