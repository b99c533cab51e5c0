-- Takes purchases that an older epoch accepted into this one, in one atomic step. Their buyers have been told yes: whether the sale is open does
-- not matter here.
--
-- KEYS: 1 state (hash), 2 buyers (hash), 3 stream; their forms are written at the top of buy-3.lua
-- ARGV: epoch; 1 to append them to the stream, 0 when the caller writes them into the ledger itself; then five a purchase, as for buy-3.lua
-- Returns nothing, and changes nothing, when the live sale is of another epoch. Else an id (of the new entry; when there is none, of the last one,
-- since those that were known are not behind it; empty: nothing waits in the stream), then one value a purchase, in order:
--   1 adopted: remembered, and its units are out of the stock, as far as there were any (MySQL rejects what is too much);
--   0 known already; -6 it would be over the limit. Neither changes anything.
-- A sale that is held closed after its rebuild stays so a little longer: where these come from, there may be more.
local HELD_LONGER_MS = 500
local state = redis.call('HMGET', KEYS[1], 'epoch', 'stock', 'limit', 'ends_at', 'held_until')
if state[1] ~= ARGV[1] then return false end
local KEEP_AFTER_END_SECONDS = 7 * 86400

local stock, limit = tonumber(state[2]), tonumber(state[3])
local size = (#ARGV - 2) / 5
local users = {}
for i = 1, size do users[i] = ARGV[i * 5 - 2] end
local found = redis.call('HMGET', KEYS[2], unpack(users))
local records = {}
for i = 1, size do records[users[i]] = found[i] or '' end

local function read(user, wanted)
  local held, known = 0, false
  for reservation, quantity, mark in string.gmatch(records[user], '(%d+):%d+:(%d+):[^:]*:(%u)') do
    if mark == 'L' then held = held + tonumber(quantity) end
    if reservation == wanted then known = true end
  end
  return held, known
end

local taken, entry, changed, replies = 0, { 'epoch', ARGV[1] }, {}, { '' }
for i = 1, size do
  local base = i * 5 + 2
  local user, quantity, key, reservation, order_no = ARGV[base - 4], tonumber(ARGV[base - 3]), ARGV[base - 2], ARGV[base - 1], ARGV[base]
  local held, known = read(user, reservation)
  if known then
    replies[i + 1] = 0
  elseif held + quantity > limit then
    replies[i + 1] = -6
  else
    local record = reservation .. ':' .. order_no .. ':' .. quantity .. ':' .. key .. ':L'
    records[user] = (records[user] ~= '') and (records[user] .. ',' .. record) or record
    changed[user] = true
    taken = taken + math.min(quantity, math.max(stock - taken, 0))
    entry[#entry + 1] = reservation
    entry[#entry + 1] = user .. ':' .. order_no .. ':' .. quantity .. ':' .. key
    replies[i + 1] = 1
  end
end
if #entry == 2 then
  local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
  replies[1] = last[1] and last[1][1] or ''
  return replies
end

local fields = {}
for user in pairs(changed) do
  fields[#fields + 1] = user
  fields[#fields + 1] = records[user]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held_until = tonumber(state[5] or 0)
if now < held_until and held_until < now + HELD_LONGER_MS then
  redis.call('HSET', KEYS[1], 'held_until', string.format('%.0f', now + HELD_LONGER_MS))
end
-- Redis takes no -0 for a number.
if taken > 0 then redis.call('HINCRBY', KEYS[1], 'stock', -taken) end
redis.call('HSET', KEYS[2], unpack(fields))
redis.call('EXPIREAT', KEYS[2], math.floor(tonumber(state[4]) / 1000) + KEEP_AFTER_END_SECONDS)
if ARGV[2] == '1' then
  replies[1] = redis.call('XADD', KEYS[3], '*', unpack(entry))
  redis.call('HINCRBY', KEYS[1], 'backlog', #entry / 2 - 1)
end
return replies
