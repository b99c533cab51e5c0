-- Decides a batch of purchases of one activity, and hands the accepted ones over, in one atomic step.
--
-- KEYS: 1 state (hash)   status OPEN|PAUSED|CLOSED, stock, limit, starts_at and ends_at (ms), epoch (below 0: being rebuilt as that epoch, and
--                        closed meanwhile), held_until (ms: closed until then, so that what an older epoch accepted can come in first),
--                        token (1: needed), backlog (purchases in the stream);
--                        what control-1.lua keeps: rules_revision, rules_answer, stock_revision, stock_answer;
--                        came (units that ever came back or were added in this epoch);
--                        and, of a bucket, what take-1.lua and give-1.lua keep: out:<bucket>, in:<bucket>
--       2 buyers (hash)  user id → records "reservation:order_no:quantity:key:L|R", comma-separated; L holds units, R gave them back;
--                        where a purchase token was used up, its id follows as another part.
--                        Within an epoch users are only ever added: who knows as many as there are, knows them all
--       3 stream         one entry a batch: epoch, then reservation id → "user:order_no:quantity:key", ":traceparent" behind it where it is traced
-- ARGV: the most purchases that may wait in the stream, ",reservation=traceparent" of each purchase that is traced,
--       then six a purchase: user id, quantity, idempotency key (base64url, may be empty), reservation id, order number,
--       id of its valid token or empty
-- Returns one value a purchase, in order:
--   0 accepted with the given numbers; "reservation:order_no" accepted before under this key;
--   -1 not warmed up, -2 not started, -3 paused, -4 ended, -5 sold out, -6 over the limit, -7 key used for another quantity,
--   -8 no valid token, or one that was used before; -9 as many as may wait in the stream already;
-- then, when any was accepted or none can be any more: the epoch, and the id of the stream's entry (empty without one);
-- and where the sale is open and no unit is left: limit, number of buyers.
--
-- No flags (#!lua) on purpose: a Redis that takes no writes (OOM, MISCONF, READONLY) refuses the first of them, when nothing is written yet,
-- and still answers the batches that need none: purchases that were made before, and refusals. Every write is at the end.
local KEPT_RECORDS = 16
local KEEP_AFTER_END_SECONDS = 7 * 86400

local size = (#ARGV - 2) / 6
local replies = {}
local state = redis.call('HMGET', KEYS[1], 'status', 'stock', 'limit', 'starts_at', 'ends_at', 'epoch', 'token', 'held_until', 'backlog')
if not state[1] then
  for i = 1, size do replies[i] = -1 end
  return replies
end

local stock, limit, ends_at = tonumber(state[2]), tonumber(state[3]), tonumber(state[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local closed = nil
if now >= ends_at or state[1] == 'CLOSED' then closed = -4
elseif now < tonumber(state[4]) then closed = -2
elseif state[1] ~= 'OPEN' then closed = -3 end
if tonumber(state[6]) < 0 or now < tonumber(state[8] or 0) then closed = closed or -3 end

-- Entries may have left the stream uncounted: what an empty stream holds is known.
local backlog, most_waiting = tonumber(state[9] or 0), tonumber(ARGV[1])
if backlog + size > most_waiting and redis.call('XLEN', KEYS[3]) == 0 then backlog = 0 end

local users = {}
for i = 1, size do users[i] = ARGV[i * 6 - 3] end
local known = redis.call('HMGET', KEYS[2], unpack(users))
local records = {}
for i = 1, size do records[users[i]] = known[i] or nil end

-- What the user holds, the answer that this key got before, and whether the token is used up.
local RECORD = '(%d+):(%d+):(%d+):([^:]*):(%u):?([^,]*)'
local function read(user, key, token)
  local held, count, before, before_quantity, used = 0, 0, nil, nil, false
  for reservation, order_no, quantity, record_key, mark, record_token in string.gmatch(records[user], RECORD) do
    count = count + 1
    if mark == 'L' then held = held + tonumber(quantity) end
    if token ~= '' and record_token == token then used = true end
    if key ~= '' and record_key == key then before, before_quantity = reservation .. ':' .. order_no, tonumber(quantity) end
  end
  return held, count, before, before_quantity, used
end

-- The oldest record that holds nothing makes room, so that buying and cancelling for ever stays cheap.
local function without_oldest_released(text)
  local removed = false
  local kept = {}
  for record in string.gmatch(text, '[^,]+') do
    if not removed and string.match(record, '^%d+:%d+:%d+:[^:]*:R') then removed = true else kept[#kept + 1] = record end
  end
  return table.concat(kept, ',')
end

local function trace_of(reservation)
  if ARGV[2] == '' then return '' end
  local traceparent = string.match(ARGV[2], ',' .. reservation .. '=([%x-]+)')
  return traceparent and ':' .. traceparent or ''
end

local needs_token = state[7] == '1'
local accepted, entry, changed = 0, { 'epoch', state[6] }, {}
for i = 1, size do
  local base = i * 6 + 2
  local user, quantity, key = ARGV[base - 5], tonumber(ARGV[base - 4]), ARGV[base - 3]
  local reservation, order_no, token = ARGV[base - 2], ARGV[base - 1], ARGV[base]
  local held, count, before, before_quantity, used = 0, 0, nil, nil, false
  if records[user] then held, count, before, before_quantity, used = read(user, key, token) end

  if before then
    if before_quantity == quantity then replies[i] = before else replies[i] = -7 end
  elseif closed then
    replies[i] = closed
  elseif held + quantity > limit then
    replies[i] = -6
  elseif quantity > stock then
    replies[i] = -5
  elseif needs_token and (token == '' or used) then
    replies[i] = -8
  elseif backlog >= most_waiting then
    replies[i] = -9
  else
    local record = reservation .. ':' .. order_no .. ':' .. quantity .. ':' .. key .. ':L'
    if needs_token then record = record .. ':' .. token end
    if count >= KEPT_RECORDS then records[user] = without_oldest_released(records[user]) end
    records[user] = (records[user] and records[user] ~= '') and (records[user] .. ',' .. record) or record
    changed[user] = true
    stock = stock - quantity
    backlog = backlog + 1
    accepted = accepted + 1
    entry[#entry + 1] = reservation
    entry[#entry + 1] = user .. ':' .. order_no .. ':' .. quantity .. ':' .. key .. trace_of(reservation)
    replies[i] = 0
  end
end

local is_sold_out = not closed and stock < 1
if accepted > 0 or is_sold_out then replies[size + 1], replies[size + 2] = state[6], '' end
if accepted > 0 then
  local fields = {}
  for user in pairs(changed) do
    fields[#fields + 1] = user
    fields[#fields + 1] = records[user]
  end
  redis.call('HSET', KEYS[1], 'stock', stock, 'backlog', backlog)
  redis.call('HSET', KEYS[2], unpack(fields))
  replies[size + 2] = redis.call('XADD', KEYS[3], '*', unpack(entry))
  redis.call('EXPIREAT', KEYS[2], math.floor(ends_at / 1000) + KEEP_AFTER_END_SECONDS)
end
if is_sold_out then replies[size + 3], replies[size + 4] = limit, redis.call('HLEN', KEYS[2]) end
return replies
