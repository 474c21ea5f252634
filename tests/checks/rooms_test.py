"""The door check must find every include that goes through a wall."""

import unittest

from planted import PlantedFault


class Rooms(PlantedFault):
    gate = ["scripts/check-rooms"]

    def include(self, name: str, what: str) -> None:
        if not (self.tree / name).is_file():
            self.create(name, "#pragma once\n")
        self.append(name, f"#include {what}\n")

    def test_accepts_the_tree_as_it_is(self):
        self.assert_accepted()

    def test_dataplane_includes_control(self):
        self.include("dataplane/wire/reader.h", '"control/common/secret.h"')
        self.assert_refused("dataplane/wire/reader.h:", "may not include control/common/secret.h")

    def test_control_opens_a_stage(self):
        self.create("dataplane/decrypt/planted.h", "#pragma once\n")
        self.include("control/config/config.h", '"dataplane/decrypt/planted.h"')
        self.assert_refused("control/config/ may not include dataplane/decrypt/planted.h")

    def test_ike_core_knows_the_rings(self):
        self.include("control/ike/types.h", '"dataplane/rings/messages.h"')
        self.assert_refused("control/ike/ may not include dataplane/rings/messages.h")

    def test_ike_core_knows_the_event_loop_and_the_log(self):
        self.include("control/ike/types.h", "<asio/io_context.hpp>")
        self.include("control/ike/engine.h", "<spdlog/spdlog.h>")
        self.assert_refused("control/ike/types.h:", "control/ike/engine.h:")

    def test_stage_includes_upward(self):
        self.create("dataplane/classify/planted.h", "#pragma once\n")
        self.include("dataplane/route/planted.h", '"dataplane/classify/planted.h"')
        self.assert_refused("dataplane/route/ may not include dataplane/classify/planted.h")

    def test_stage_may_look_downward(self):
        self.create("dataplane/tx/planted.h", "#pragma once\n")
        self.include("dataplane/route/planted.h", '"dataplane/tx/planted.h"')
        self.assert_accepted()

    def test_dpdk_outside_its_rooms(self):
        self.include("dataplane/route/planted.h", "<rte_ethdev.h>")
        self.assert_refused("dataplane/route/planted.h:2: <rte_ethdev.h>")

    def test_ipsec_mb_outside_crypto(self):
        self.include("dataplane/decrypt/planted.h", "<intel-ipsec-mb.h>")
        self.assert_refused("IPsec-MB stays behind crypto/")

    def test_openssl_outside_its_rooms(self):
        self.include("control/config/config.h", "<openssl/evp.h>")
        self.assert_refused("OpenSSL stays behind")

    def test_lock_in_the_data_plane(self):
        self.include("dataplane/fib/next_hop.h", "<mutex>")
        self.assert_refused("<mutex> has no place in the data plane")

    def test_path_that_is_not_from_the_root(self):
        self.include("dataplane/wire/reader.h", '"bytes.h"')
        self.assert_refused("no path from the root")

    def test_room_without_a_row(self):
        self.create("dataplane/shortcut/planted.h", "#pragma once\n")
        self.assert_refused("dataplane/shortcut/planted.h: no row")

    def test_header_without_a_guard(self):
        self.create("dataplane/wire/planted.h", "int x();\n")
        self.assert_refused("dataplane/wire/planted.h: no #pragma once")


class Headers(PlantedFault):
    gate = ["scripts/check-rooms", "--headers"]
    keep = ("scripts/", "dataplane/common/", "dataplane/wire/")

    def test_header_that_needs_another_first(self):
        self.create("dataplane/wire/planted.h", "#pragma once\nstd::vector<int> planted();\n")
        self.assert_refused("dataplane/wire/planted.h: not self-contained")


if __name__ == "__main__":
    unittest.main()
