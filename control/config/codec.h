// Codecs (key.h) of the values a configuration holds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/common/secret.h"
#include "control/config/key.h"
#include "control/ike/types.h"
#include "dataplane/sa/selector.h"
#include "dataplane/wire/address.h"

namespace kanmon::config {

// Reads a plain decimal scalar within [least, most]; reports otherwise.
std::optional<int64_t> read_integer(Context& context, const Node& node, int64_t least,
                                    int64_t most);
// Reads a scalar of 1 … `longest` printable octets; reports otherwise.
std::optional<std::string> read_text(Context& context, const Node& node, std::size_t longest,
                                     std::string_view what);
// Reads an item per entry of a list, at most `most`; reports otherwise, an empty list too if
// `least` is 1. False: nothing to iterate.
bool check_list(Context& context, const Node& node, std::size_t least, std::size_t most);
Json integer_schema(int64_t least, int64_t most);
Json text_schema(std::string_view pattern = {});

template <int64_t Least, int64_t Most>
struct Integer {
  template <class T>
  static void read(Context& context, const Node& node, T& out) {
    if (const auto value = read_integer(context, node, Least, Most)) out = T(*value);
  }
  template <class T>
  static std::string show(const T& value) {
    if constexpr (requires { value.count(); }) {
      return std::to_string(value.count());
    } else {
      return std::to_string(value);
    }
  }
  static Json schema() { return integer_schema(Least, Most); }
};

// An integer that may be absent.
template <int64_t Least, int64_t Most>
struct MaybeInteger {
  template <class T>
  static void read(Context& context, const Node& node, std::optional<T>& out) {
    if (const auto value = read_integer(context, node, Least, Most)) out = static_cast<T>(*value);
  }
  template <class T>
  static std::string show(const std::optional<T>& value) {
    return value ? std::to_string(*value) : "";
  }
  static Json schema() { return integer_schema(Least, Most); }
};

struct Boolean {
  static void read(Context& context, const Node& node, bool& out);
  static std::string show(bool value) { return value ? "true" : "false"; }
  static Json schema() { return {{"type", "boolean"}}; }
};

template <std::size_t Longest>
struct Text {
  static void read(Context& context, const Node& node, std::string& out) {
    if (auto text = read_text(context, node, Longest, "text")) out = std::move(*text);
  }
  static std::string show(const std::string& value) { return value; }
  static Json schema() { return text_schema(); }
};

// One of a table's words. Rows are {name, value}; numbers may be written without quotes.
template <class T>
struct Word {
  std::string_view name;
  T value;
};

// Position of the scalar in `names`; reports otherwise.
std::optional<std::size_t> read_word(Context& context, const Node& node,
                                     const std::vector<std::string_view>& names);
Json words_schema(const std::vector<std::string_view>& names);

template <auto& Table>
struct Choice {
  static std::vector<std::string_view> names() {
    std::vector<std::string_view> out;
    for (const auto& row : Table) out.push_back(row.name);
    return out;
  }
  template <class T>
  static void read(Context& context, const Node& node, T& out) {
    if (const auto at = read_word(context, node, names())) out = Table[*at].value;
  }
  template <class T>
  static std::string show(const T& value) {
    for (const auto& row : Table)
      if (row.value == value) return std::string(row.name);
    return {};
  }
  static Json schema() { return words_schema(names()); }
};

// A list without repetitions.
template <class Codec, std::size_t Least, std::size_t Most>
struct List {
  template <class T>
  static void read(Context& context, const Node& node, std::vector<T>& out) {
    if (!check_list(context, node, Least, Most)) return;
    out.clear();
    std::vector<std::string> seen;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = *node.items[i];
      const Context::Step step(context, i, item);
      T value{};
      const std::size_t before = context.problems().errors();
      Codec::read(context, item, value);
      if (context.problems().errors() != before) continue;
      const std::string shown = Codec::show(value);
      if (std::find(seen.begin(), seen.end(), shown) != seen.end()) {
        context.error(item, "stands in the list a second time: " + shown);
        continue;
      }
      seen.push_back(shown);
      out.push_back(std::move(value));
      context.keep_item();
    }
  }
  template <class T>
  static std::string show(const std::vector<T>& list) {
    std::string out = "[";
    for (const T& item : list) out += (out.size() == 1 ? "" : ", ") + Codec::show(item);
    return out + "]";
  }
  static Json schema() {
    Json s = {{"type", "array"}, {"items", Codec::schema()}};
    if (Least != 0) s["minItems"] = Least;
    s["maxItems"] = Most;
    s["uniqueItems"] = true;
    return s;
  }
};

// A list that may be the word "none" for empty.
template <class ListCodec>
struct OrNone : ListCodec {
  template <class T>
  static void read(Context& context, const Node& node, std::vector<T>& out) {
    if (node.kind == Node::Kind::kScalar && node.text == "none") {
      out.clear();
    } else {
      ListCodec::read(context, node, out);
    }
  }
  static Json schema() {
    return {{"oneOf", Json::array({ListCodec::schema(), {{"const", "none"}}})}};
  }
};

struct InterfaceAddresses {
  static void read(Context& context, const Node& node, wire::InterfaceAddress& out);
  static std::string show(const wire::InterfaceAddress& value) { return value.to_string(); }
  static Json schema() { return text_schema(); }
};

struct Address {
  static void read(Context& context, const Node& node, wire::IpAddress& out);
  static std::string show(const wire::IpAddress& value) {
    return value.is_unspecified() ? "" : value.to_string();
  }
  static Json schema() { return text_schema(); }
};

// An address, or "any" for none.
struct AddressOrAny {
  static void read(Context& context, const Node& node, std::optional<wire::IpAddress>& out);
  static std::string show(const std::optional<wire::IpAddress>& value) {
    return value ? value->to_string() : "any";
  }
  static Json schema() { return text_schema(); }
};

struct PrefixText {
  static void read(Context& context, const Node& node, wire::Prefix& out);
  static std::string show(const wire::Prefix& value) { return value.to_string(); }
  static Json schema() { return text_schema(); }
};

struct Mac {
  static void read(Context& context, const Node& node, std::optional<wire::MacAddress>& out);
  static std::string show(const std::optional<wire::MacAddress>& value) {
    return value ? wire::to_string(*value) : "";
  }
  static Json schema() { return text_schema("^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$"); }
};

// The name of a port, table or tunnel that stands elsewhere in the file.
struct Reference {
  static void read(Context& context, const Node& node, std::string& out);
  static std::string show(const std::string& value) { return value; }
  static Json schema();
};

struct Path {
  static void read(Context& context, const Node& node, std::string& out);
  static std::string show(const std::string& value) { return value; }
  static Json schema() { return text_schema("^/"); }
};

struct IdentityText {
  static void read(Context& context, const Node& node, ike::Identity& out);
  static std::string show(const ike::Identity& value) {
    return value.data.empty() ? "" : value.to_string();
  }
  static Json schema() { return text_schema(); }
};

// A pre-shared key in the file itself. What it is never shows up in a problem.
struct PresharedKey {
  static constexpr std::size_t kLeast = 8;  // AWS's rule
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kAdvised = 16;  // 128 bits, if it is random octets
  static void read(Context& context, const Node& node, Secret& out);
  static std::string show(const Secret& value) { return value.empty() ? "" : "(secret)"; }
  static bool same(const Secret& a, const Secret& b) { return a == b; }
  static Json schema();
};

// One in a file of its own; a relative path starts at the configuration's folder.
struct PresharedKeyFile {
  static void read(Context& context, const Node& node, Secret& out);
  static std::string show(const Secret&) { return {}; }
  static bool same(const Secret&, const Secret&) { return true; }  // PresharedKey compares
  static Json schema() { return text_schema(); }
};

}  // namespace kanmon::config
