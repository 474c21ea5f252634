"""The table of requirements must be what the tests say, and say what they lack."""

import unittest

from planted import PlantedFault

TEST = "tests/unit/esp/planted_test.cc"


class Requirements(PlantedFault):
    gate = ["scripts/check-requirements"]
    keep = ("scripts/", "tests/")

    def test_accepts_the_tree_as_it_is(self):
        self.assert_accepted()

    def test_a_new_test_makes_the_table_stale(self):
        self.create(TEST, "// ESP-09: anew.\nTEST(Planted, Test) {}\n")
        self.assert_refused("REQUIREMENTS.md is stale")
        self.run_gate("--write")
        self.assert_accepted()
        self.assertIn("Planted.Test", (self.tree / "tests/REQUIREMENTS.md").read_text())

    def test_a_comment_belongs_to_the_test_behind_it(self):
        self.create(TEST, "TEST(Planted, Other) {}\n\n// ESP-09: so.\n// And more.\nTEST(Planted, Test) {}\n")
        self.run_gate("--write")
        table = (self.tree / "tests/REQUIREMENTS.md").read_text()
        self.assertIn("(Planted.Test)", table)
        self.assertNotIn("Planted.Other", table)

    def test_a_requirement_without_a_test(self):
        self.append("tests/requirements.list", "ESP-99 P0 what nobody looks at\n")
        self.run_gate("--write")
        self.assert_refused("ESP-99: no test names it")

    def test_an_id_nobody_defined(self):
        self.create(TEST, "TEST(Planted, Test) {}  // ESP-98\n")
        self.run_gate("--write")
        self.assert_refused(f"{TEST}: ESP-98 is in no row of tests/requirements.list")


if __name__ == "__main__":
    unittest.main()
