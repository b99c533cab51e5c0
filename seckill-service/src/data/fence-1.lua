-- Begins a rebuild: nothing is sold from here on, and only this rebuild may open the sale again.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua
-- ARGV: the epoch that the sale is rebuilt as
-- Returns 1, or 0 when a rebuild of this epoch or a later one has begun.
local HIGHEST_EPOCH = 1000000000

-- What is no epoch at all fences nobody out.
local current = math.abs(tonumber(redis.call('HGET', KEYS[1], 'epoch') or 0) or 0)
if current >= tonumber(ARGV[1]) and current <= HIGHEST_EPOCH then return 0 end
redis.call('HSET', KEYS[1], 'epoch', '-' .. ARGV[1])
return 1
