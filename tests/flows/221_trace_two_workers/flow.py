"""A packet that is handed from worker to worker is one packet of the trace, with its way on both."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
# The station is known before anything is followed.
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP(), seq=1))
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP())
handed_over = 0
for number in range(2, 10):
    trace(f"spi {branch.to_gateway.spi:08x}")
    send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP(), seq=number),
         queue=number % 2)
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP())
    (packet,) = traced()
    ways = [(step["stage"], step["to"]) for step in packet["steps"]]
    assert packet["outcome"] == "sent", packet
    workers = {step["worker"] for step in packet["steps"]}
    if ("decrypt", "worker") not in ways:
        assert len(workers) == 1, packet
        continue
    handed_over += 1
    at = ways.index(("decrypt", "worker"))
    assert packet["steps"][at]["to_worker"] == packet["steps"][at + 1]["worker"], packet
    assert ways[at + 1:at + 3] == [("handoff", "decrypt"), ("decrypt", "route")], packet
    assert workers == {0, 1}, packet
assert handed_over == 4, "every second packet came to the worker that does not own the SA"
