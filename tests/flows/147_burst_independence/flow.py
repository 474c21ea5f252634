"""A packet's fate does not depend on its neighbours in the burst (ESP-08)."""
import random

station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
shuffle = random.Random(4303).shuffle


def verdicts(together):
    """Number of each packet that came out, for 60 packets of which each third is broken."""
    branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
    numbers = list(range(1, 61))
    shuffle(numbers)
    packets = [branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", id=n) / UDP() / (b"x" * (n * 20)), seq=n,
                           **({"flip": 200} if n % 3 == 0 else {})) for n in numbers]
    send("wan", *packets, together=together)
    out = []
    while packet := maybe("lan"):
        out.append(packet.id)
    expect_drop("decrypt.icv_failed", 20)
    return out, [n for n in numbers if n % 3]


for together in (False, True, True, True):
    out, expected = verdicts(together)
    assert out == expected, f"together={together}: {out}"
