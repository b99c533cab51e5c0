-- The part of a token bucket that all gateways share. It gives what is needed now, and some to keep for a while. What is kept may be used at
-- any moment until then, so that the bucket fills only up to what is missing: its tokens and those kept are never more than its burst.
--
-- KEYS: 1 bucket (hash: tokens, at in ms, held, held_until in ms)
-- ARGV: rate (tokens a second), burst, needed now, to keep, ms to keep them, most that is kept by all
-- Returns: tokens given, ms until the next one, tokens left
local rate, burst, needed, spare = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'held', 'held_until')
local held, until_ = tonumber(bucket[3] or 0), tonumber(bucket[4] or 0)
if until_ <= now then held = 0 end

local tokens = burst
if bucket[1] then tokens = tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * rate / 1000 end
tokens = math.max(0, math.min(tokens, burst - held))
local given = math.min(needed, math.floor(tokens))
tokens = tokens - given
if given == needed and spare > 0 then
  spare = math.min(spare, math.floor(tokens))
  if spare > 0 then
    tokens, given = tokens - spare, given + spare
    held, until_ = math.min(held + spare, tonumber(ARGV[6])), now + tonumber(ARGV[5])
  end
end

redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', now),
  'held', held, 'held_until', string.format('%.3f', until_))
-- A bucket that is full again is the same as none.
local full = now + (burst - tokens) * 1000 / rate
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(full, until_) - now) + 1)
return { given, math.ceil((1 - math.min(1, tokens)) * 1000 / rate), math.floor(tokens) }
