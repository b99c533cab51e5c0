-- Gives a user a place in a waiting room, the same one however often it is asked for, in one atomic step.
--
-- KEYS: 1 room (hash)          born (ms), opened (1: the sale has started, so that the order of the opening window is drawn), window (how many places
--                              that is), issued (the last place that was given out), admitted (everybody up to this place may buy);
--                              and what admit-3.lua keeps: tokens, refilled_at, rate, is_ramping, adjusted_at, pace, paced_at
--       2 window (sorted set)  users who came before the start, by lot. Nobody comes in once it is opened: a rank in it is a place for good
--       3 line (sorted set)    users by place: who came after the start, and who came back after Redis had lost the room
-- ARGV: user id, lot (0 … 2^48 - 1), starts_at (ms), when all of it expires (s),
--       of a ticket, if the user has one: its place, or 0; 1 when it was given out in the opening window;
--       to make a room that is not there: window, issued and admitted, as they were saved last
-- Returns nothing when there is no room, and nothing to make it from. Else born, place (0: drawn when the sale starts), admitted, pace.
local LOTS = 2 ^ 48

local user, lot, starts_at, expires_at = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local known_place, was_in_window = tonumber(ARGV[5]), ARGV[6] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local room = redis.call('HMGET', KEYS[1], 'born', 'opened', 'window', 'issued', 'admitted', 'pace')
local born, is_opened = room[1], room[2] == '1'
local window, issued, admitted = tonumber(room[3] or 0), tonumber(room[4] or 0), tonumber(room[5] or 0)

if not born then
  if not ARGV[7] then return false end
  born, window, issued, admitted = string.format('%.0f', now), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  redis.call('HSET', KEYS[1], 'born', born, 'window', window, 'issued', issued, 'admitted', admitted)
  redis.call('EXPIREAT', KEYS[1], expires_at)
end
if not is_opened and now >= starts_at then
  is_opened = true
  window = math.max(window, redis.call('ZCARD', KEYS[2]))
  issued = math.max(issued, window)
  redis.call('HSET', KEYS[1], 'opened', 1, 'window', window, 'issued', issued)
end

local function stand(place)
  redis.call('ZADD', KEYS[3], place, user)
  redis.call('EXPIREAT', KEYS[3], expires_at)
  if place > issued then redis.call('HSET', KEYS[1], 'issued', place) end
  return place
end

local place = tonumber(redis.call('ZSCORE', KEYS[3], user) or nil)
if not place and not is_opened then
  redis.call('ZADD', KEYS[2], lot, user)
  redis.call('EXPIREAT', KEYS[2], expires_at)
  place = 0
elseif not place then
  local rank = redis.call('ZRANK', KEYS[2], user)
  if rank then place = rank + 1
  elseif known_place > 0 then place = stand(known_place)
  -- The others of the window may come back later, or never: so far into it a lot stands, whoever does.
  elseif was_in_window and window > 0 then place = stand(math.floor(lot / LOTS * window) + 1)
  else place = stand(issued + 1) end
end
return { born, place, admitted, room[6] or '0' }
