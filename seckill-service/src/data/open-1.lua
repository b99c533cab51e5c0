-- Makes a warmed activity ready to sell, unless it is already there.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua
-- ARGV: status, stock, limit, starts_at (ms), ends_at (ms), epoch, rules_revision, stock_revision, token (1: needed)
-- Returns 1 when created, 0 when a sale was there and stays as it is.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'stock', ARGV[2], 'limit', ARGV[3],
  'starts_at', ARGV[4], 'ends_at', ARGV[5], 'epoch', ARGV[6],
  'rules_revision', ARGV[7], 'stock_revision', ARGV[8], 'token', ARGV[9])
return 1
