#!/usr/bin/python3
"""Writes vectors.h: key derivation and SK payloads computed from RFC 7296's formulas.

An implementation of its own on hashlib, hmac and the `cryptography` package, so that control/ike is
held against something that shares no code with it. Run it and compare when a formula is in doubt:
    tests/unit/ike/make_vectors.py > tests/unit/ike/vectors.h
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HASH = {5: "sha256", 6: "sha384", 7: "sha512"}
INTEG = {0: (0, 0, None), 12: (32, 16, "sha256"), 13: (48, 24, "sha384"), 14: (64, 32, "sha512")}


def octets(label, n):
    """n octets that only look random; the same in every run."""
    out = b""
    i = 0
    while len(out) < n:
        out += hashlib.sha512(f"{label}/{i}".encode()).digest()
        i += 1
    return out[:n]


def prf(h, key, data):
    return hmac.new(key, data, HASH[h]).digest()


def prf_plus(h, key, seed, n):
    out, t, i = b"", b"", 1
    while len(out) < n:
        t = prf(h, key, t + seed + bytes([i]))
        out += t
        i += 1
    return out[:n]


def cut(data, sizes):
    parts = []
    for n in sizes:
        parts.append(data[:n])
        data = data[n:]
    assert not data
    return parts


def suite(name, h, encr, bits, integ, ni_bytes, nr_bytes, dh_bytes, child_bytes):
    v = {"name": name, "prf": h, "encryption": encr, "key_bits": bits, "integrity": integ,
         "child_bytes": child_bytes}
    ni, nr = octets(name + "ni", ni_bytes), octets(name + "nr", nr_bytes)
    gir, gir_new = octets(name + "gir", dh_bytes), octets(name + "new", dh_bytes)
    spi_i, spi_r = octets(name + "si", 8), octets(name + "sr", 8)
    psk, message = octets(name + "psk", 21), octets(name + "msg", 411)
    id_body = b"\x02\0\0\0" + b"gw.example.net"
    p = hashlib.new(HASH[h]).digest_size
    a = INTEG[integ][0]
    e = bits // 8 + (4 if encr == 20 else 0)
    seed = prf(h, ni + nr, gir)
    keys = cut(prf_plus(h, seed, ni + nr + spi_i + spi_r, 3 * p + 2 * a + 2 * e),
               [p, a, a, e, e, p, p])
    d, _, _, ei, er, pi, _ = keys
    child = prf_plus(h, d, ni + nr, 2 * child_bytes)
    child_pfs = prf_plus(h, d, gir_new + ni + nr, 2 * child_bytes)
    auth = prf(h, prf(h, psk, b"Key Pad for IKEv2"), message + nr + prf(h, pi, id_body))
    v.update(ni=ni, nr=nr, shared=gir, shared_new=gir_new, spi_i=spi_i, spi_r=spi_r, psk=psk,
             message=message, id_body=id_body, skeyseed=seed, keys=b"".join(keys),
             child=child, child_pfs=child_pfs, rekey_seed=prf(h, d, gir_new + ni + nr), auth=auth)
    return v


def sealed(name, encr, bits, integ, payload, fragment):
    """A whole message with an SK or SKF payload around `payload`."""
    a_len, icv_len, h = INTEG[integ]
    key = octets(name + "e", bits // 8 + (4 if encr == 20 else 0))
    a_key = octets(name + "a", a_len)
    iv = struct.pack(">Q", 1) if encr == 20 else octets(name + "iv", 16)
    pad = 0 if encr == 20 else -(len(payload) + 1) % 16
    text = payload + bytes(pad) + bytes([pad])
    icv = 16 if encr == 20 else icv_len
    extra = struct.pack(">HH", 1, 2) if fragment else b""
    body = extra + iv + text + bytes(icv)
    head = octets(name + "spis", 16) + struct.pack(
        ">BBBBII", 53 if fragment else 46, 0x20, 35, 0x08, 1, 28 + 4 + len(body))
    head += struct.pack(">BBH", 41, 0, 4 + len(body)) + extra
    if encr == 20:
        message = head + iv + AESGCM(key[:-4]).encrypt(key[-4:] + iv, text, head)
    else:
        c = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        message = head + iv + c.update(text) + c.finalize()
        message += hmac.new(a_key, message, h).digest()[:icv_len]
    return {"name": name, "encryption": encr, "key_bits": bits, "integrity": integ, "key": key,
            "integrity_key": a_key, "iv": iv, "plain": payload, "body_at": len(head),
            "message": message}


SUITES = [
    suite("cbc128-sha256", 5, 12, 128, 12, 32, 32, 256, 48),
    suite("gcm128-sha256", 5, 20, 128, 0, 16, 256, 32, 20),
    suite("gcm256-sha384", 6, 20, 256, 0, 48, 24, 48, 36),
    suite("cbc256-sha512", 7, 12, 256, 14, 64, 33, 32, 96),
    suite("cbc256-sha384", 6, 12, 256, 13, 256, 256, 256, 80),
]


def pi_bits(n):
    """floor(2^n * pi), by Machin's formula."""
    extra = 64
    one = 1 << (n + extra)

    def arctan_inverse(x):
        total, term, k = 0, one // x, 0
        while term:
            total += (-term if k % 2 else term) // (2 * k + 1)
            term //= x * x
            k += 1
        return total
    return (4 * (4 * arctan_inverse(5) - arctan_inverse(239))) >> extra


def modp():
    """RFC 3526 section 3 gives the prime as a formula; the rest is pow()."""
    p = 2**2048 - 2**1984 - 1 + 2**64 * (pi_bits(1918) + 124476)
    a, b = (int.from_bytes(octets(label, 32), "big") for label in ("dh a", "dh b"))
    raw = [p, a, pow(2, a, p), pow(2, b, p), pow(2, a * b, p)]
    names = ["prime", "private_value", "public_value", "peer_value", "shared"]
    return dict(zip(names, (v.to_bytes(32 if v == a else 256, "big") for v in raw)))


NOTIFY = bytes.fromhex("0000000800004000")  # INITIAL_CONTACT, alone
SEALED = [
    sealed("gcm128", 20, 128, 0, NOTIFY, False),
    sealed("gcm256", 20, 256, 0, NOTIFY * 9, False),
    sealed("cbc128-sha256", 12, 128, 12, NOTIFY, False),
    sealed("cbc256-sha384", 12, 256, 13, NOTIFY * 7 + b"1234567", False),
    sealed("cbc256-sha512", 12, 256, 14, NOTIFY * 4, False),
    sealed("gcm256-fragment", 20, 256, 0, NOTIFY * 3, True),
    sealed("cbc128-fragment", 12, 128, 12, NOTIFY * 3, True),
]


def literal(value):
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    text = value.hex()
    lines = [text[i:i + 88] for i in range(0, len(text), 88)] or [""]
    return "\n     ".join(f'"{line}"' for line in lines)


def table(struct_name, array, rows):
    print(f"struct {struct_name} {{")
    for key, value in rows[0].items():
        print(f"  {'unsigned' if isinstance(value, int) else 'const char*'} {key};")
    print(f"}};\ninline constexpr {struct_name} {array}[] = {{")
    for row in rows:
        print("    {" + ",\n     ".join(literal(v) for v in row.values()) + "},")
    print("};\n")


print("// Made by make_vectors.py; octets are hex. Do not edit.")
print("// clang-format off\n#pragma once\n\nnamespace kanmon::ike::vectors {\n")
table("Kdf", "kKdf", SUITES)
table("Sealed", "kSealed", SEALED)
table("Modp", "kModp", [modp()])
print("}  // namespace kanmon::ike::vectors")
