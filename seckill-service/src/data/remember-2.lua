-- Remembers purchases that the ledger holds and their buyers' records have lost. The stock stays as it is: their units were taken long ago.
--
-- KEYS: 1 state (hash), 2 buyers (hash); their forms are written at the top of buy-3.lua
-- ARGV: epoch, then five a purchase, as for buy-3.lua
-- Returns how many were missing; 0, and nothing changed, when the live sale is of another epoch.
local KEEP_AFTER_END_SECONDS = 7 * 86400
local state = redis.call('HMGET', KEYS[1], 'epoch', 'ends_at')
if state[1] ~= ARGV[1] then return 0 end

local missing = 0
for base = 6, #ARGV, 5 do
  local user, quantity, key, reservation, order_no = ARGV[base - 4], ARGV[base - 3], ARGV[base - 2], ARGV[base - 1], ARGV[base]
  local text = redis.call('HGET', KEYS[2], user) or ''
  local known = false
  for other in string.gmatch(text, '(%d+):%d+:%d+:[^:]*:%u') do known = known or other == reservation end
  if not known then
    local record = reservation .. ':' .. order_no .. ':' .. quantity .. ':' .. key .. ':L'
    redis.call('HSET', KEYS[2], user, (text ~= '') and (text .. ',' .. record) or record)
    missing = missing + 1
  end
end
if missing > 0 then redis.call('EXPIREAT', KEYS[2], math.floor(tonumber(state[2]) / 1000) + KEEP_AFTER_END_SECONDS) end
return missing
