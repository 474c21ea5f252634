// Keys of SAs for captures: only while it is allowed, only for the capture that asked (INV-9).
#include "control/daemon/key_book.h"

#include <gtest/gtest.h>

namespace kanmon::daemon {
namespace {

Secret secret(std::size_t bytes, uint8_t fill) {
  Secret s(bytes);
  for (uint8_t& octet : s.mutable_bytes()) octet = fill;
  return s;
}

wire::IpAddress address(const char* text) {
  return *wire::IpAddress::parse(text);
}

ike::ChildSa child(uint32_t tunnel, uint32_t spi) {
  ike::ChildSa c;
  c.tunnel = tunnel;
  c.inbound_spi = spi;
  c.outbound_spi = spi + 1;
  c.algorithm = esp::Algorithm::kAes128Gcm16;
  c.local = {address("192.0.2.1"), 500};
  c.remote = {address("198.51.100.2"), 500};
  c.inbound_key = secret(20, 0x11);
  c.outbound_key = secret(20, 0x22);
  return c;
}

void install(KeyBook& book, const ike::ChildSa& c) {
  book.installed_inbound(c);
  book.installed_outbound(c);
}

std::string repeated(const char* text, int times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

std::string lines_of(const char* spi_in, const char* spi_out) {
  const std::string name = R"(","AES-GCM with 16 octet ICV [RFC4106]","0x)";
  const std::string end = "\",\"NULL\",\"\"\n";
  return R"("IPv4","198.51.100.2","192.0.2.1","0x)" + std::string(spi_in) + name +
         repeated("11", 20) + end + R"("IPv4","192.0.2.1","198.51.100.2","0x)" + spi_out + name +
         repeated("22", 20) + end;
}

TEST(KeyBook, KeepsNothingUnlessAllowed) {
  KeyBook book;
  install(book, child(1, 0x1000));
  EXPECT_FALSE(book.knows(0x1000));
  EXPECT_TRUE(book.exported().esp_sa.empty());
}

TEST(KeyBook, BothHalvesInWiresharksWords) {
  KeyBook book;
  book.allow(true);
  install(book, child(1, 0x1000));
  book.begin(7, std::nullopt);
  const ExportedKeys keys = book.exported();
  EXPECT_EQ(keys.esp_sa, lines_of("00001000", "00001001"));
  EXPECT_EQ(keys.esp_sas, 1u);
  EXPECT_EQ(keys.left_out, 0u);
}

TEST(KeyBook, TheEndOfThePermissionWipesAllAndEndsTheCapture) {
  KeyBook book;
  book.allow(true);
  install(book, child(1, 0x1000));
  book.begin(7, std::nullopt);
  book.removed(0x1000);
  install(book, child(1, 0x2000));
  book.allow(false);
  EXPECT_EQ(book.capture(), 0);
  EXPECT_FALSE(book.knows(0x2000));
  book.allow(true);
  book.begin(8, std::nullopt);
  EXPECT_TRUE(book.exported().esp_sa.empty());
}

TEST(KeyBook, WhatGoesIsKeptForACaptureThatRunsAndNoLonger) {
  KeyBook book;
  book.allow(true);
  install(book, child(1, 0x1000));
  book.removed(0x1000);
  book.begin(7, std::nullopt);
  EXPECT_EQ(book.exported().esp_sas, 0u) << "gone before the capture began";
  install(book, child(1, 0x2000));
  book.removed(0x2000);
  EXPECT_EQ(book.exported().esp_sa, lines_of("00002000", "00002001"));
  book.end();
  book.begin(8, std::nullopt);
  EXPECT_EQ(book.exported().esp_sas, 0u);
}

TEST(KeyBook, ACaptureOfOneTunnelGetsThatTunnelsKeys) {
  KeyBook book;
  book.allow(true);
  install(book, child(1, 0x1000));
  install(book, child(2, 0x2000));
  book.begin(7, 2);
  book.removed(0x1000);
  EXPECT_EQ(book.exported().esp_sa, lines_of("00002000", "00002001"));
}

TEST(KeyBook, APeerThatMovedIsFoundAtItsNewAddress) {
  KeyBook book;
  book.allow(true);
  install(book, child(1, 0x1000));
  book.moved(1, {address("203.0.113.9"), 4500});
  book.begin(7, std::nullopt);
  EXPECT_NE(book.exported().esp_sa.find(R"("203.0.113.9","192.0.2.1","0x00001000")"),
            std::string::npos);
}

TEST(KeyBook, SaysWhatWiresharkCannotDecrypt) {
  KeyBook book;
  book.allow(true);
  ike::ChildSa c = child(1, 0x1000);
  c.algorithm = esp::Algorithm::kChaCha20Poly1305;
  c.inbound_key = secret(36, 1);
  c.outbound_key = secret(36, 2);
  install(book, c);
  book.begin(7, std::nullopt);
  const ExportedKeys keys = book.exported();
  EXPECT_TRUE(keys.esp_sa.empty());
  EXPECT_EQ(keys.left_out, 1u);
}

TEST(KeyBook, IkeSasAreSeenWhileACaptureWantsThem) {
  const Secret ei = secret(16, 0xa1), er = secret(16, 0xa2), salt = secret(4, 0x5a);
  ike::IkeKeyView view;
  view.tunnel = 1;
  view.spi_initiator = 0x0102030405060708;
  view.spi_responder = 0xfffefdfcfbfaf9f8;
  view.encryption_id = 20;
  view.key_bits = 128;
  view.initiator = {ei.bytes(), salt.bytes(), {}};
  view.responder = {er.bytes(), salt.bytes(), {}};
  KeyBook book;
  book.allow(true);
  book.see(view);
  book.begin(7, std::nullopt);
  EXPECT_EQ(book.exported().ike_sas, 0u);
  book.see(view);
  book.see(view);
  const ExportedKeys keys = book.exported();
  EXPECT_EQ(keys.ike_sas, 1u);
  EXPECT_EQ(keys.ikev2_decryption_table,
            "0102030405060708,fffefdfcfbfaf9f8," + repeated("a1", 16) + "5a5a5a5a," +
                repeated("a2", 16) + "5a5a5a5a,\"AES-GCM-128 with 16 octet ICV [RFC5282]\",,," +
                "\"NONE [RFC4306]\"\n");
}

// An HMAC transform has its key apart from that of the cipher.
TEST(KeyBook, CbcWithHmac) {
  KeyBook book;
  book.allow(true);
  ike::ChildSa c = child(1, 0x1000);
  c.algorithm = esp::Algorithm::kAes256Sha256;
  Secret key(64);
  for (std::size_t i = 0; i < 64; ++i) key.mutable_bytes()[i] = i < 32 ? 0xc0 : 0xd0;
  c.inbound_key = key.clone();
  c.local = {address("2001:db8::1"), 500};
  c.remote = {address("2001:db8::2"), 500};
  book.installed_inbound(c);
  book.begin(7, std::nullopt);
  EXPECT_EQ(book.exported().esp_sa,
            R"("IPv6","2001:db8::2","2001:db8::1","0x00001000","AES-CBC [RFC3602]","0x)" +
                repeated("c0", 32) + R"(","HMAC-SHA-256-128 [RFC4868]","0x)" + repeated("d0", 32) +
                "\"\n");
}

}  // namespace
}  // namespace kanmon::daemon
