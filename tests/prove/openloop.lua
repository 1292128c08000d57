-- wrk as an open loop: RATE requests a second are due, whatever becomes of the earlier ones.
--
-- A connection that is free takes the next moment at which a request is due, and waits for it. With
-- more connections than requests under way each leaves when it is due; `late` says by how much the
-- worst did not, in seconds.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local moment, threads = ffi.new("moment"), {}

local function now()
  ffi.C.clock_gettime(1, moment) -- CLOCK_MONOTONIC, on Linux
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
  table.insert(threads, thread)
end

function init()
  wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
  wrk.body = assert(io.open(os.getenv("BODY"), "rb")):read("*a")
  text, due, between = wrk.format(), now(), 1 / tonumber(os.getenv("RATE"))
  good, refused, bare, other, late = 0, 0, 0, 0, 0
end

function delay()
  local left = due - now()
  due, late = due + between, math.max(late, -left)
  return math.floor(math.max(0, left) * 1000)
end

function request()
  return text
end

function response(status, headers)
  if status == 200 then
    good = good + 1
  elseif status ~= 503 then
    other = other + 1
  else
    refused = refused + 1
    if headers["retry-after"] ~= "1" then bare = bare + 1 end
  end
end

function done(summary)
  local found, errors = {}, summary.errors
  for _, name in ipairs({"good", "refused", "bare", "other", "late"}) do
    table.insert(found, string.format('"%s": %.9g', name, threads[1]:get(name)))
  end
  io.write(string.format('{%s, "broken": %d, "silent": %d, "seconds": %f}\n',
    table.concat(found, ", "), errors.connect + errors.read + errors.write, errors.timeout,
    summary.duration / 1e6))
end
