-- SPDX-License-Identifier: BSD-3-Clause
-- Replays the hellos of a capture file for some seconds, and prints what was sent and what came back.
-- For Pktgen-DPDK: -s 0:hellos.pcap -f hello.lua. From the environment: HELLO_RATE, per cent of the
-- port's speed; HELLO_SECONDS.
package.path = package.path .. ";?.lua"
require "Pktgen"

local port = "0"
local rate = tonumber(os.getenv("HELLO_RATE") or "100")
local seconds = tonumber(os.getenv("HELLO_SECONDS") or "10")

local function counters()
	return pktgen.portStats(port, "port")[tonumber(port)]
end

pktgen.screen("off")
pktgen.set(port, "rate", rate)
pktgen.set(port, "count", 0) -- for ever
pktgen.pcap(port, "on")
local before = counters()
pktgen.start(port)
pktgen.delay(seconds * 1000)
pktgen.stop(port)
pktgen.delay(500) -- the last answers
local after = counters()
local sent, answered = after.opackets - before.opackets, after.ipackets - before.ipackets
print(string.format("\nhellos %d, answers %d, %.4f of them, %.0f hellos/s",
	sent, answered, answered / math.max(sent, 1), sent / seconds))
pktgen.quit()
