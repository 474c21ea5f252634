"""The parity gate must find every way in which the two builds can drift apart."""

import unittest

from planted import PlantedFault


class Parity(PlantedFault):
    gate = ["scripts/check-build-parity"]

    def test_accepts_the_tree_as_it_is(self):
        self.assert_accepted()

    def test_extra_define_in_one_build(self):
        self.plant("CMakeLists.txt", "_FILE_OFFSET_BITS=64", "_FILE_OFFSET_BITS=64 KANMON_EXTRA=1")
        self.assert_refused("define KANMON_EXTRA", "Meson 'absent', CMake '1'")

    def test_source_missing_in_one_build(self):
        self.plant("CMakeLists.txt", "list(TRANSFORM sources PREPEND dataplane/)",
                   "list(REMOVE_ITEM sources wire/address.cc)\n"
                   "list(TRANSFORM sources PREPEND dataplane/)")
        self.assert_refused("source only in Meson: dataplane/wire/address.cc (dataplane)")

    def test_source_in_no_list(self):
        self.create("dataplane/wire/forgotten.cc", "int forgotten;\n")
        self.assert_refused("dataplane/wire/forgotten.cc: in no list, compiled by nobody")

    def test_other_march_in_one_build(self):
        self.plant("CMakeLists.txt", "set(KANMON_CPU x86-64-v2", "set(KANMON_CPU x86-64-v3")
        self.assert_refused("option -march: Meson '-march=x86-64-v2', CMake '-march=x86-64-v3'")

    def test_march_of_dpdk_wins_in_meson(self):
        self.plant("meson.build", "cpp_args: dataplane_flags + march)",
                   "cpp_args: dataplane_flags)")
        self.assert_refused("built for -march=corei7, not -march=x86-64-v2")

    def test_asserts_gone_in_both_builds(self):
        self.append("cxxflags.list", "-DNDEBUG\n")
        self.assert_refused("NDEBUG is defined")

    def test_other_optimisation_in_one_build(self):
        self.plant("CMakeLists.txt", 'CMAKE_CXX_FLAGS_RELEASE "-O3"', 'CMAKE_CXX_FLAGS_RELEASE "-O2"')
        self.assert_refused("option -O: Meson '-O3', CMake '-O2'")

    def test_warning_switched_off_in_one_build(self):
        self.plant("CMakeLists.txt", "add_compile_options(${flags}",
                   "add_compile_options(${flags} -Wno-shadow")
        self.assert_refused("option -Wshadow: Meson '-Wshadow', CMake '-Wno-shadow'")

    def test_include_path_of_one_build(self):
        self.plant("CMakeLists.txt", "include_directories(${CMAKE_SOURCE_DIR})",
                   "include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)")
        self.assert_refused("include path")

    def test_test_missing_in_one_build(self):
        self.plant("tests/CMakeLists.txt", "foreach(source ${tests})",
                   "list(REMOVE_ITEM tests unit/wire/address_test.cc)\nforeach(source ${tests})")
        self.assert_refused("test only in Meson: address_test")

    def test_other_timeout_in_one_build(self):
        self.plant("tests/CMakeLists.txt", "TIMEOUT 300 LABELS unit", "TIMEOUT 30 LABELS unit")
        self.assert_refused("test address_test", "at most 30 s")


if __name__ == "__main__":
    unittest.main()
