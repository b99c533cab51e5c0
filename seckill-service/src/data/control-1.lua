-- Applies an operation to a live sale, once.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua
-- ARGV: field (status, limit or stock), revision, value (of stock: the units that come, or, below 0, that go),
--       1 where units that are not free here may be free in another bucket
-- Returns 1 applied, 0 refused: fewer units are free; -1 there is no live sale; -2 (with 1 above, and nothing changed) fewer units are free here.
-- Operations on stock are one line of revisions, those on status and limit another. The last of a line again changes nothing and is answered as
-- before. So is an older one, but answered 1: whoever sends it is late, and the ledger knows how it ended.
local field, revision, value = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local line = (field == 'stock') and 'stock' or 'rules'
local state = redis.call('HMGET', KEYS[1], 'status', 'stock', line .. '_revision', line .. '_answer')
if not state[1] then return -1 end

local last = tonumber(state[3] or 0)
if revision < last then return 1 end
if revision == last then return tonumber(state[4] or 1) end

local answer = 1
if field ~= 'stock' then
  redis.call('HSET', KEYS[1], field, value)
elseif tonumber(value) < 0 and tonumber(state[2]) + tonumber(value) < 0 then
  if ARGV[4] == '1' then return -2 end
  answer = 0
else
  redis.call('HINCRBY', KEYS[1], 'stock', value)
  if tonumber(value) > 0 then redis.call('HINCRBY', KEYS[1], 'came', value) end
end
redis.call('HSET', KEYS[1], line .. '_revision', revision, line .. '_answer', answer)
return answer
