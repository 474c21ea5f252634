// The shape of the schema: a section is a table of keys, and a key knows how its value is read,
// shown, described as JSON Schema and compared. The reader, the check for unknown keys, the
// published schema, the reference manual and the summary of a reload all come from these tables.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/config/changes.h"
#include "control/config/context.h"

namespace kanmon::config {

using Json = nlohmann::ordered_json;

// One key of a section that is read into an S. Every function pointer is set.
template <class S>
struct Key {
  std::string_view name;
  std::string_view help;
  std::string_view fallback;  // what holds without the key, if that is not a fixed value
  bool required = false;
  void (*read)(Context&, const Node&, S&) = nullptr;
  std::string (*show)(const S&) = nullptr;
  Json (*schema)() = nullptr;
  void (*diff)(const std::string& path, const S& before, const S& after, Changes&) = nullptr;
};

// A Codec converts one type of value. It has no state:
//   static void read(Context&, const Node&, T&);  reports what is wrong and then leaves T alone
//   static std::string show(const T&);            as the file would say it; "" if there is no value
//   static Json schema();
// and optionally
//   static bool same(const T&, const T&);         if show() does not tell all
//   static void diff(path, before, after, Changes&);
template <class Codec, class T>
void diff_value(const std::string& path, const T& before, const T& after, Changes& changes) {
  if constexpr (requires { Codec::diff(path, before, after, changes); }) {
    Codec::diff(path, before, after, changes);
  } else {
    bool same = false;
    if constexpr (requires { Codec::same(before, after); }) {
      same = Codec::same(before, after);
    } else {
      same = Codec::show(before) == Codec::show(after);
    }
    if (!same) changes.push_back({path, Codec::show(before), Codec::show(after)});
  }
}

// How a key's value is reached in its section: `Field{}(section)` is a reference to it.
template <class S, class Codec, class Field>
struct Bound {
  static void read(Context& context, const Node& node, S& section) {
    Codec::read(context, node, Field{}(section));
  }
  static std::string show(const S& section) { return Codec::show(Field{}(section)); }
  static void diff(const std::string& path, const S& before, const S& after, Changes& changes) {
    diff_value<Codec>(path, Field{}(before), Field{}(after), changes);
  }
};

// A key whose value without mention is what S is constructed with; `fallback` says it in words
// where it follows from other keys.
template <class S, class Codec, class Field>
constexpr Key<S> key(std::string_view name, Field, std::string_view help,
                     std::string_view fallback = {}) {
  using B = Bound<S, Codec, Field>;
  return {name, help, fallback, false, &B::read, &B::show, &Codec::schema, &B::diff};
}

template <class S, class Codec, class Field>
constexpr Key<S> required_key(std::string_view name, Field field, std::string_view help) {
  Key<S> k = key<S, Codec>(name, field, help);
  k.required = true;
  return k;
}

// Called after all keys of a section are read, to derive and to check within the section. A type
// that has something to do overloads it.
template <class S>
void finish(Context&, S&) {}

// What a section holds before any key is read: its defaults. Specialised where S's own are not
// the operator's.
template <class S>
S initial() {
  return S{};
}

template <class S>
std::vector<std::string_view> names_of(std::span<const Key<S>> keys) {
  std::vector<std::string_view> names;
  for (const auto& k : keys) names.push_back(k.name);
  return names;
}

// Reports a key that no table knows.
void unknown_key(Context& context, const Node& key, const std::vector<std::string_view>& known);
// Adds what holds without the key: `fallback` in words, else the value that `shown` shows, if any.
void add_default(Json& schema, const std::string& shown, std::string_view fallback);
// The JSON Schema of an object with these properties.
Json object_schema(Json properties, Json required);

template <class S>
void read_keys(Context& context, const Node& node, std::span<const Key<S>> keys, S& section) {
  if (node.kind != Node::Kind::kMap) {
    context.expected(node, "a section with keys such as \"" + std::string(keys[0].name) + "\"");
    return;
  }
  for (const auto& [name, value] : node.entries) {
    const Key<S>* found = nullptr;
    for (const auto& k : keys)
      if (k.name == name->text) found = &k;
    if (found == nullptr) {
      unknown_key(context, *name, names_of(keys));
      continue;
    }
    const Context::Step step(context, *name, *value);
    found->read(context, *value, section);
  }
  for (const auto& k : keys)
    if (k.required && !context.given_here(k.name))
      context.error_here("is incomplete: the key \"" + std::string(k.name) + "\" is missing");
}

template <class S>
void read_section(Context& context, const Node& node, std::span<const Key<S>> keys, S& section) {
  read_keys<S>(context, node, keys, section);
  if (node.kind == Node::Kind::kMap) finish(context, section);
}

template <class S>
Json section_schema(std::span<const Key<S>> keys) {
  Json properties = Json::object();
  Json required = Json::array();
  const S defaults = initial<S>();
  for (const auto& k : keys) {
    Json value = k.schema();
    if (!value.contains("description")) value["description"] = k.help;
    if (!k.required) add_default(value, k.show(defaults), k.fallback);
    if (k.required) required.push_back(k.name);
    properties[std::string(k.name)] = std::move(value);
  }
  return object_schema(std::move(properties), std::move(required));
}

// A section inside a section. `Keys` is a constexpr array of Key<S>.
template <auto& Keys, class S>
struct Section {
  static void read(Context& context, const Node& node, S& section) {
    read_section<S>(context, node, Keys, section);
  }
  static std::string show(const S&) { return {}; }
  static Json schema() { return section_schema<S>(Keys); }
  static void diff(const std::string& path, const S& before, const S& after, Changes& changes) {
    for (const auto& k : Keys) k.diff(path + "." + std::string(k.name), before, after, changes);
  }
};

// Keys of S in a section of their own: read into the S that is being read.
template <auto& Keys, class S>
struct Group : Section<Keys, S> {
  static void read(Context& context, const Node& node, S& section) {
    read_keys<S>(context, node, Keys, section);
  }
};

// True if `name` may name a port, table or tunnel; else the problem is reported.
bool check_name(Context& context, const Node& key);
Json named_schema(Json section);

// A section whose keys are names the operator chooses, read into a list in the order of the file.
template <auto& Keys, class S, auto Name = &S::name>
struct Named {
  static void read(Context& context, const Node& node, std::vector<S>& list) {
    if (node.kind != Node::Kind::kMap) {
      context.expected(node, "a section with one key per name");
      return;
    }
    for (const auto& [key, value] : node.entries) {
      if (!check_name(context, *key)) continue;
      const Context::Step step(context, *key, *value);
      S& section = list.emplace_back(initial<S>());
      section.*Name = key->text;
      read_section<S>(context, *value, Keys, section);
    }
  }
  static std::string show(const std::vector<S>&) { return {}; }
  static Json schema() { return named_schema(section_schema<S>(Keys)); }

  static const S* find(const std::vector<S>& list, const std::string& name) {
    for (const S& s : list)
      if (s.*Name == name) return &s;
    return nullptr;
  }
  static void diff(const std::string& path, const std::vector<S>& before,
                   const std::vector<S>& after, Changes& changes) {
    for (const S& old : before) {
      const std::string here = path + "." + old.*Name;
      const S* now = find(after, old.*Name);
      if (now == nullptr) {
        changes.push_back({here, "present", ""});
      } else {
        Section<Keys, S>::diff(here, old, *now, changes);
      }
    }
    for (const S& now : after)
      if (find(before, now.*Name) == nullptr)
        changes.push_back({path + "." + now.*Name, "", "present"});
  }
};

}  // namespace kanmon::config
