#!/usr/bin/python3
"""Writes dataplane/crypto/self_test_vectors.h: one ESP packet for each algorithm, with 32-bit and with
extended sequence numbers, made with python3-cryptography (OpenSSL).

Run it only to change what is covered. The inputs are fixed rules, which self_test.cc follows too:
key octets 7 i + 1, salt a0 a1 a2 a3, SPI 01020304, sequence number 1122334455667788, text octets
3 i + 5, 64 of them. CBC's IV is the cipher of the number, eight zeros in front, xor the cipher of a
block of ones, under the encryption key.
"""
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

SPI, SEQUENCE = bytes.fromhex("01020304"), bytes.fromhex("1122334455667788")
SALT, TEXT = bytes.fromhex("a0a1a2a3"), bytes((3 * i + 5) & 255 for i in range(64))
HASHES = {"Sha1": (hashlib.sha1, 20, 12), "Sha256": (hashlib.sha256, 32, 16),
          "Sha384": (hashlib.sha384, 48, 24), "Sha512": (hashlib.sha512, 64, 32)}
CIPHERS = {"Aes128": 16, "Aes256": 32, "Null": 0}
AEADS = {"Aes128Gcm16": (AESGCM, 16), "Aes256Gcm16": (AESGCM, 32),
         "ChaCha20Poly1305": (ChaCha20Poly1305, 32)}
IMPLICIT = "Iiv"  # RFC 8750: the same without the IV on the wire
ORDER = ["Aes128Gcm16", "Aes256Gcm16", "ChaCha20Poly1305", "Aes128Sha256", "Aes128Sha384",
         "Aes128Sha512", "Aes256Sha256", "Aes256Sha384", "Aes256Sha512", "Aes128Sha1", "Aes256Sha1",
         "NullSha256", "NullSha384", "NullSha512", "Aes128Gcm16Iiv", "Aes256Gcm16Iiv",
         "ChaCha20Poly1305Iiv"]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def run(key, mode, text):
    e = Cipher(algorithms.AES(key), mode).encryptor()
    return e.update(text) + e.finalize()


def seal_hmac(name, key_of, esn):
    cipher = next(c for c in CIPHERS if name.startswith(c))
    digest, key_bytes, icv_bytes = HASHES[name[len(cipher):]]
    key = key_of(CIPHERS[cipher] + key_bytes)
    encryption, integrity = key[:CIPHERS[cipher]], key[CIPHERS[cipher]:]
    body = TEXT
    if encryption:
        mask = run(encryption, modes.ECB(), b"\xff" * 16)
        iv = run(encryption, modes.ECB(), xor(bytes(8) + SEQUENCE, mask))
        body = iv + run(encryption, modes.CBC(iv), TEXT)
    body = SPI + SEQUENCE[4:] + body
    hashed = body + (SEQUENCE[:4] if esn else b"")
    return body + hmac.new(integrity, hashed, digest).digest()[:icv_bytes]


def seal(name, esn):
    key_of = lambda n: bytes((7 * i + 1) & 255 for i in range(n))  # noqa: E731
    if name.removesuffix(IMPLICIT) not in AEADS:
        return seal_hmac(name, key_of, esn)
    make, key_bytes = AEADS[name.removesuffix(IMPLICIT)]
    iv = b"" if name.endswith(IMPLICIT) else SEQUENCE
    aad = SPI + (SEQUENCE if esn else SEQUENCE[4:])
    return (SPI + SEQUENCE[4:] + iv +
            make(key_of(key_bytes)).encrypt(SALT + SEQUENCE, TEXT, aad))


HEAD = """// Written by tests/vectors/gen_self_test.py, which says what these packets are.
#pragma once

#include "dataplane/esp/algorithm.h"

namespace kanmon::crypto {

struct KnownPacket {
  esp::Algorithm algorithm;
  bool extended;      // sequence numbers
  const char* sealed;  // hex digits: the whole ESP packet
};

inline constexpr KnownPacket kKnownPackets[] = {
"""


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../dataplane/crypto/self_test_vectors.h")
    with open(path, "w") as out:
        out.write(HEAD)
        for name in ORDER:
            for esn in (False, True):
                digits = seal(name, esn).hex()
                lines = [digits[i:i + 80] for i in range(0, len(digits), 80)]
                out.write(f"    {{esp::Algorithm::k{name}, {str(esn).lower()},\n     ")
                out.write("\n     ".join(f'"{line}"' for line in lines) + "},\n")
        out.write("};\n\n}  // namespace kanmon::crypto\n")


if __name__ == "__main__":
    main()
