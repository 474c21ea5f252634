"""The packet-path gate must follow calls to whatever a stage can reach."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from planted import ROOT

FLAGS = ["-std=c++20", "-O3", "-march=x86-64-v2", "-fno-exceptions", "-fno-rtti"]


class HotPath(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kanmon-hotpath-")
        self.addCleanup(scratch.cleanup)
        self.build = pathlib.Path(scratch.name)
        (self.build / "libdataplane.a.p").mkdir()
        self.entries = []

    def compile(self, name: str, source: str, flags=FLAGS) -> None:
        """As Meson would: one object per source, one line in the compile database."""
        path = self.build / name
        path.write_text(source)
        output = f"libdataplane.a.p/dataplane_{name}.o"
        command = ["c++", *flags, "-o", output, "-c", str(path)]
        subprocess.run(command, cwd=self.build, check=True)
        self.entries.append({"directory": str(self.build), "file": str(path),
                             "command": " ".join(command)})
        (self.build / "compile_commands.json").write_text(json.dumps(self.entries))

    def run_gate(self) -> tuple[int, str]:
        done = subprocess.run([ROOT / "scripts" / "check-hotpath", self.build], capture_output=True,
                              text=True)
        return done.returncode, done.stdout + done.stderr

    def assert_refused(self, *words: str) -> None:
        code, output = self.run_gate()
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)

    def test_clean_stage(self):
        self.compile("decrypt_x.cc", "#include <cassert>\n#include <cstring>\n"
                     "void run(char* p, int n) { assert(n); std::memset(p, 0, n); }\n")
        code, output = self.run_gate()
        self.assertEqual(code, 0, output)

    def test_heap(self):
        self.compile("decrypt_x.cc", "int* run() { return new int[7]; }\n")
        self.assert_refused("heap: operator new[](unsigned long) <- run()")

    def test_heap_behind_another_room(self):
        self.compile("sa_y.cc", "#include <vector>\nvoid deeper(std::vector<int>& v);\n"
                     "void helper(std::vector<int>& v) { deeper(v); }\n")
        self.compile("sa_z.cc", "#include <vector>\nvoid deeper(std::vector<int>& v) { v.push_back(1); }\n")
        self.compile("route_x.cc", "#include <vector>\nvoid helper(std::vector<int>&);\n"
                     "void run(std::vector<int>& v) { helper(v); }\n")
        self.assert_refused("heap: operator new(unsigned long) <-", "<- run(")

    def test_room_off_the_packet_path_may_allocate(self):
        self.compile("sa_make.cc", "int* make() { return new int[7]; }\n")
        self.compile("route_x.cc", "int run() { return 1; }\n")
        code, output = self.run_gate()
        self.assertEqual(code, 0, output)

    def test_each_other_sin(self):
        sins = {
            "log": "#include <cstdio>\nvoid run(int n) { std::printf(\"%d\", n); }\n",
            "lock": "#include <mutex>\nstd::mutex m;\nvoid run() { std::lock_guard l(m); }\n",
            "system call": "#include <unistd.h>\nlong run(char* p) { return write(1, p, 1); }\n",
            "clock or sleep": "#include <unistd.h>\nvoid run() { usleep(5); }\n",
            "exception": "#include <string>\nint f();\n"
                         "int run() { static std::string s(f(), 'x'); return s.size(); }\n",
        }
        for n, (why, source) in enumerate(sins.items()):
            with self.subTest(why):
                self.setUp()
                self.compile(f"tx_{n}.cc", source)
                self.assert_refused(f"{why}: ")

    def test_cold_part_of_a_function(self):
        self.compile("tx_x.cc", "#include <cstdlib>\n[[gnu::cold, gnu::noinline]] static void rare(char* p)"
                     " { std::free(p); }\nvoid run(char* p) { if (*p) rare(p); }\n")
        self.assert_refused("heap: free <- rare(char*)")

    def test_march_of_dpdk_won(self):
        self.compile("route_x.cc", "int run() { return 1; }\n", [*FLAGS, "-march=corei7"])
        self.assert_refused("DPDK's own -march won")

    def test_nothing_built(self):
        code, _ = self.run_gate()
        self.assertEqual(code, 2)


if __name__ == "__main__":
    unittest.main()
