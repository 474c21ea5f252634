"""The style gate must find what it says it finds, and measure functions rightly."""

import subprocess
import sys
import unittest

from planted import ROOT, PlantedFault

sys.path.insert(0, str(ROOT / "scripts" / "ci"))
from cpp_functions import functions  # noqa: E402

LINES = "  x += 1;\n" * 61


class Style(PlantedFault):
    gate = ["scripts/check-style"]
    keep = ("scripts/", "dataplane/common/", "dataplane/wire/", "meson.build", ".clang-format")

    def setUp(self):
        super().setUp()
        self.create("scripts/size-exceptions.list", "# none\n")
        self.create("dataplane/sources.list", "wire/address.cc\n")

    def test_accepts_the_tree_as_it_is(self):
        self.assert_accepted()

    def test_code_not_formatted(self):
        self.create("dataplane/wire/planted.h", "#pragma once\nint   x( );\n")
        self.assert_refused("dataplane/wire/planted.h: not as clang-format would have it")

    def test_long_file(self):
        self.create("dataplane/wire/planted.h", "#pragma once\n" + "extern int x;\n" * 500)
        self.assert_refused("dataplane/wire/planted.h: 501 lines")

    def test_long_function_named_with_its_place(self):
        self.create("dataplane/wire/planted.h", f"#pragma once\nvoid grow(int& x) {{\n{LINES}}}\n")
        self.assert_refused("dataplane/wire/planted.h:2: grow has 63 lines")

    def test_exception_needs_a_reason(self):
        self.create("dataplane/wire/planted.h", f"#pragma once\nvoid grow(int& x) {{\n{LINES}}}\n")
        self.append("scripts/size-exceptions.list", "dataplane/wire/planted.h:grow\n")
        self.assert_refused("grow has 63 lines")
        self.plant("scripts/size-exceptions.list", "planted.h:grow", "planted.h:grow it is a table")
        self.assert_accepted()

    def test_stale_exception(self):
        self.append("scripts/size-exceptions.list", "dataplane/wire/gone.h was long once\n")
        self.assert_refused("dataplane/wire/gone.h is not needed any more")

    def test_unfinished_work(self):
        word = "TO" + "DO"
        self.create("dataplane/wire/planted.h", f"#pragma once\n// {word}: the rest\n")
        self.assert_refused(f'dataplane/wire/planted.h:2: "{word}"')

    def test_unit_test_that_sleeps(self):
        nap = "std::this_thread::sleep" + "_for(kLong);"
        self.create("tests/unit/planted_test.h", f"#pragma once\ninline void f() {{ {nap} }}\n")
        self.assert_refused("wait for a condition, not for time")

    def test_list_with_an_entry_twice_or_of_nothing(self):
        self.append("dataplane/sources.list", "wire/address.cc\nwire/gone.cc\n")
        self.assert_refused("dataplane/sources.list: wire/address.cc stands there twice",
                            "dataplane/sources.list: wire/gone.cc is not there")

    def test_space_at_the_end(self):
        self.append("meson.build", "# x \n")
        self.assert_refused("meson.build:", "space at the end of the line")


class Functions(unittest.TestCase):
    def lengths(self, source: str) -> dict[str, int]:
        return {f.name: f.lines for f in functions(source)}

    def test_what_counts_as_a_function(self):
        source = """
namespace a {
class Table : public Base<int> {
 public:
  Table(int x)
      : x_{x} {
    f();
  }
  int get() const { return x_; }
  struct Row {
    int a = 0;
  };
};
constexpr Row kRows[] = {
    {1, f(2)},
};
TEST(Suite, Name) {
  auto lambda = [](int y) {
    return "}" + y;  // }
  };
  if (x) {
    lambda('}');
  }
}
bool operator==(const A& a,
                const A& b) {
  return true;
}
}  // namespace a
"""
        self.assertEqual(self.lengths(source),
                         {"Table": 4, "get": 1, "TEST": 8, "operator==": 4})


class Commits(PlantedFault):
    gate = ["scripts/check-commits", "first"]

    def commit(self, *paragraphs: str) -> None:
        message = [w for p in paragraphs for w in ("-m", p)]
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit",
                        "-q", "--allow-empty", *message], cwd=self.tree, check=True)

    def setUp(self):
        super().setUp()
        self.commit("first")
        subprocess.run(["git", "tag", "first"], cwd=self.tree, check=True)

    def test_good_commit(self):
        self.commit("esp: window of 64 bits a word", "Shifts cost more than loads.")
        self.assert_accepted()

    def test_bad_commits(self):
        self.commit("esp: window of 64 bits a word")
        self.assert_refused("no body")
        self.commit("Fix style", "Because.")
        self.assert_refused("'Fix style': title is not `room: what changed`")
        self.commit("esp: " + "x" * 60, "Because.")
        self.assert_refused("title has 65 characters")


if __name__ == "__main__":
    unittest.main()
