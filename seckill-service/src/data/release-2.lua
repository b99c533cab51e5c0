-- Gives the units and the buyer's right of one reservation back, once.
--
-- KEYS: 1 state (hash), 2 buyers (hash); their forms are written at the top of buy-3.lua
-- ARGV: user id, reservation id, restock (1: the units are for sale again; 0: they never existed)
-- Returns 1 when given back now, 0 when it had been, or when this epoch does not know the reservation.
local text = redis.call('HGET', KEYS[2], ARGV[1])
if not text then return 0 end

local released = 0
local kept = {}
for record in string.gmatch(text, '[^,]+') do
  local reservation, order_no, quantity, key, mark, token = string.match(record, '(%d+):(%d+):(%d+):([^:]*):(%u)(.*)')
  if reservation == ARGV[2] and mark == 'L' then
    released = tonumber(quantity)
    record = reservation .. ':' .. order_no .. ':' .. quantity .. ':' .. key .. ':R' .. token
  end
  kept[#kept + 1] = record
end
if released == 0 then return 0 end

redis.call('HSET', KEYS[2], ARGV[1], table.concat(kept, ','))
if ARGV[3] == '1' and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'stock', released)
  redis.call('HINCRBY', KEYS[1], 'came', released)
end
return 1
