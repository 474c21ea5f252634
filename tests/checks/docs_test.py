"""The documents' gate must find a link, a path, a command or a configuration that is not true."""

import unittest

from planted import ROOT, PlantedFault


@unittest.skipUnless((ROOT / "build" / "kanmon").is_file(), "needs a built kanmon in build/")
class Docs(PlantedFault):
    gate = ["scripts/check-docs", str(ROOT / "build")]

    def test_accepts_the_tree_as_it_is(self):
        self.assert_accepted()

    def test_link_to_nowhere(self):
        self.append("README.md", "[gone](docs/gone.md) [less](SECURITY.md#no-such-heading)\n")
        self.assert_refused("docs/gone.md, which is not there", "#no-such-heading: no such heading")

    def test_path_that_moved(self):
        self.append("README.md", "See `dataplane/gone/away.h`.\n")
        self.assert_refused("`dataplane/gone/away.h` is not there")

    def test_command_that_does_not_exist(self):
        self.append("README.md", "```\nkanmon frobnicate tunnels\n```\n")
        self.assert_refused("there is no `kanmon frobnicate tunnels`")

    def test_configuration_with_a_mistake(self):
        self.plant("README.md", "workers: 2", "worker: 2")
        self.assert_refused("a configuration it shows is refused", "system.worker")


if __name__ == "__main__":
    unittest.main()
