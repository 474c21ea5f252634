-- Profile for Pktgen-DPDK: one rate (KANMON_RATE, per cent of line rate) for KANMON_SECONDS, told once a
-- second: what a rekeying, a reload or a failing path costs shows as loss in its second. From port 0 to
-- port 1. scripts/testbed sets the environment and reads the lines that begin with kanmon-testbed.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;../?.lua"
require "Pktgen"

local function setting(name, default)
  return os.getenv("KANMON_" .. name) or default
end

local send, receive = "0", "1"
local rate = tonumber(setting("RATE", "10"))
local seconds = math.ceil(tonumber(setting("SECONDS", "5")))
local max_loss = tonumber(setting("LOSS", "0"))
local settle_ms = 500 -- until the last packets have come through

local function prepare()
  pktgen.clear("all")
  pktgen.set(send, "size", tonumber(setting("BYTES", "64")))
  pktgen.set(send, "count", 0)
  pktgen.set(send, "burst", 32)
  pktgen.set(send, "rate", rate)
  pktgen.set_mac(send, "dst", setting("MAC", "02:00:00:00:00:01"))
  pktgen.set_ipaddr(send, "src", setting("SOURCE", "10.1.0.10") .. "/24")
  pktgen.set_ipaddr(send, "dst", setting("DESTINATION", "10.2.0.10"))
  pktgen.set_proto(send, "udp")
  pktgen.set(send, "sport", 1000)
  pktgen.set(send, "dport", 2000)
end

local function counts()
  local stats = pktgen.portStats("all", "port")
  return stats[tonumber(send)].opackets, stats[tonumber(receive)].ipackets
end

-- The packets under way at the end of a second are told in the next; the sum at the end is exact.
local function tell(sent, received, verdict)
  local loss = sent > 0 and (sent - received) / sent or 1
  print(string.format("kanmon-testbed rate=%.3f sent=%d received=%d loss=%.7f verdict=%s", rate, sent,
                      received, loss, verdict))
  return loss
end

prepare()
pktgen.clr()
pktgen.start(send)
local sent_before, received_before = 0, 0
for second = 1, seconds do
  pktgen.delay(1000)
  local sent, received = counts()
  tell(sent - sent_before, received - received_before, "second-" .. second)
  sent_before, received_before = sent, received
end
pktgen.stop(send)
pktgen.delay(settle_ms)
local sent, received = counts()
local loss = sent > 0 and (sent - received) / sent or 1
tell(sent, received, loss <= max_loss and "passed" or "failed")
pktgen.quit()
