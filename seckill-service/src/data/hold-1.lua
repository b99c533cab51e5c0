-- Keeps a bucket that is held closed after its rebuild closed a little longer: another bucket of its activity adopts purchases (adopt-3.lua), which may
-- need its units.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua
-- ARGV: epoch, for how long (ms)
-- Returns 1 when it stays closed longer now; 0, and nothing changed, when it is open, closed for longer, or of another epoch.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'held_until')
if state[1] ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held_until = tonumber(state[2] or 0)
if now >= held_until or held_until >= now + ARGV[2] then return 0 end

redis.call('HSET', KEYS[1], 'held_until', string.format('%.0f', now + ARGV[2]))
return 1
