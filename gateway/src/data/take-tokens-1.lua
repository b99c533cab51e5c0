-- A token bucket: refills with time, and gives what it has up to what is asked.
--
-- KEYS: 1 bucket (hash: tokens, at in ms)
-- ARGV: rate (tokens a second), burst, asked
-- Returns: tokens given, ms until the next one
local rate, burst, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if bucket[1] then tokens = math.min(burst, tonumber(bucket[1]) + (now - tonumber(bucket[2])) * rate / 1000) end
local given = math.min(asked, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - given), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return { given, math.ceil((1 - math.min(1, tokens - given)) * 1000 / rate) }
