-- Ends a rebuild: the live sale is what the rebuild has counted, in one step.
--
-- KEYS: 1 state (hash), 2 buyers (hash); their forms are written at the top of buy-3.lua
--       3 what the buyers hash is to become; it may be missing
-- ARGV: epoch, milliseconds for which the sale stays closed, ends_at (ms), then names and values of the other fields of the state
-- Returns 1, or 0 when this rebuild does not hold the fence (fence-1.lua) any more.
local KEEP_AFTER_END_SECONDS = 7 * 86400

if redis.call('HGET', KEYS[1], 'epoch') ~= '-' .. ARGV[1] then return 0 end
local time = redis.call('TIME')
local held_until = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'ends_at', ARGV[3], 'held_until', string.format('%.0f', held_until), unpack(ARGV, 4))
redis.call('UNLINK', KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[3], KEYS[2])
  redis.call('EXPIREAT', KEYS[2], math.floor(ARGV[3] / 1000) + KEEP_AFTER_END_SECONDS)
end
return 1
