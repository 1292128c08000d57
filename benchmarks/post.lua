-- wrk's request and, at its end, its figures as one line of JSON. BODY names the file to post.
local path = os.getenv("BODY")
wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
if path then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = assert(io.open(path, "rb")):read("*a")
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, errors.status, broken))
end
