-- Profile for Pktgen-DPDK: the rate without loss by binary search (RFC 2544 section 26.1), from port 0
-- to port 1. scripts/testbed sets the environment and reads the lines that begin with kanmon-testbed.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;../?.lua"
require "Pktgen"

local function setting(name, default)
  return os.getenv("KANMON_" .. name) or default
end

local send, receive = "0", "1"
local seconds = tonumber(setting("SECONDS", "5"))
local max_loss = tonumber(setting("LOSS", "0"))
local resolution = 0.5 -- per cent of line rate
local settle_ms = 500  -- until the last packets have come through

local function prepare()
  pktgen.clear("all")
  pktgen.set(send, "size", tonumber(setting("BYTES", "64")))
  pktgen.set(send, "count", 0)
  pktgen.set(send, "burst", 32)
  pktgen.set_mac(send, "dst", setting("MAC", "02:00:00:00:00:01"))
  pktgen.set_ipaddr(send, "src", setting("SOURCE", "10.1.0.10") .. "/24")
  pktgen.set_ipaddr(send, "dst", setting("DESTINATION", "10.2.0.10"))
  pktgen.set_proto(send, "udp")
  pktgen.set(send, "sport", 1000)
  pktgen.set(send, "dport", 2000)
end

-- Sends at a part of line rate; returns what was sent and what came back.
local function trial(rate)
  pktgen.set(send, "rate", rate)
  pktgen.clr()
  pktgen.start(send)
  pktgen.delay(math.floor(seconds * 1000))
  pktgen.stop(send)
  pktgen.delay(settle_ms)
  local stats = pktgen.portStats("all", "port")
  return stats[tonumber(send)].opackets, stats[tonumber(receive)].ipackets
end

local function tell(rate, sent, received, verdict)
  local loss = sent > 0 and (sent - received) / sent or 1
  print(string.format("kanmon-testbed rate=%.3f sent=%d received=%d loss=%.7f verdict=%s", rate, sent,
                      received, loss, verdict))
  return loss <= max_loss
end

local function search()
  local low, high, best = 0, 100, nil
  local rate = high
  while high - low > resolution do
    local sent, received = trial(rate)
    if tell(rate, sent, received, "trial") then
      best = { rate, sent, received }
      if rate == high then break end
      low = rate
    else
      high = rate
    end
    rate = (low + high) / 2
  end
  if best then tell(best[1], best[2], best[3], "passed") end
end

prepare()
search()
pktgen.quit()
