-- What the stock equation has to know of Redis, all at one moment. Reads only; its work grows with the releases it is asked about.
--
-- KEYS: 1 state (hash), 2 buyers (hash), 3 stream; their forms are written at the top of buy-3.lua
-- ARGV: user id and reservation id of releases that the ledger knows, and Redis perhaps not yet
-- Returns epoch, stock, the id of the last entry (all three empty when there is none), the units that those releases still hold here, and the units
-- that ever went to other buckets, less those that ever came from them: in the sum of all buckets these are the units that are on their way.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'stock')
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)

local returning = 0
for i = 1, #ARGV, 2 do
  local text = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  for reservation, quantity, mark in string.gmatch(text, '(%d+):%d+:(%d+):[^:]*:(%u)') do
    if reservation == ARGV[i + 1] and mark == 'L' then returning = returning + tonumber(quantity) end
  end
end

local moved = 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 4) == 'out:' then moved = moved + tonumber(fields[i + 1]) end
  if string.sub(fields[i], 1, 3) == 'in:' then moved = moved - tonumber(fields[i + 1]) end
end
return { state[1] or '', state[2] or '', last[1] and last[1][1] or '', returning, moved }
