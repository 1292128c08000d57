-- A constant arrival rate from wrk: RATE requests a second, whatever becomes of the earlier ones.
--
-- Each request has its moment, 1 / RATE after the one before it. A connection that is free takes the
-- next moment that nobody has, and waits until it has come. So with more connections than there are
-- requests under way each leaves when it is due; by how much the latest came late is in the figures.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local MONOTONIC, moment = 1, ffi.new("moment")
local threads = {}

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
  table.insert(threads, thread)
end

function init()
  local file = assert(io.open(os.getenv("BODY"), "rb"))
  wrk.method, wrk.body = "POST", file:read("*a")
  wrk.headers["Content-Type"] = "application/json"
  request_text = wrk.format()
  interval, due = 1 / tonumber(os.getenv("RATE")), now()
  good, refused, bare, other, late = 0, 0, 0, 0, 0
end

function delay()
  local time = now()
  late = math.max(late, time - due)
  local wait = math.max(0, due - time)
  due = due + interval
  return math.floor(wait * 1000)
end

function request()
  return request_text
end

function response(status, headers)
  if status == 200 then
    good = good + 1
  elseif status == 503 then
    refused = refused + 1
    if headers["retry-after"] ~= "1" then bare = bare + 1 end
  else
    other = other + 1
  end
end

function done(summary)
  local thread, errors = threads[1], summary.errors
  io.write(string.format(
    '{"seconds": %f, "good": %d, "refused": %d, "bare": %d, "other": %d, "late": %f, "broken": %d}\n',
    summary.duration / 1e6, thread:get("good"), thread:get("refused"), thread:get("bare"),
    thread:get("other"), thread:get("late"), errors.connect + errors.read + errors.write + errors.timeout))
end
