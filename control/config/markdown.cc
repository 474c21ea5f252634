// The reference manual, made from the JSON Schema that the key tables make.
#include "control/config/schema.h"

namespace kanmon::config {
namespace {

std::string joined(const Json& values) {
  std::string out;
  for (const Json& value : values)
    out +=
        (out.empty() ? "" : ", ") + (value.is_string() ? value.get<std::string>() : value.dump());
  return out;
}

std::string type_of(const Json& schema);

std::string alternatives(const Json& schemas) {
  std::string out;
  for (const Json& schema : schemas) out += (out.empty() ? "" : ", or ") + type_of(schema);
  return out;
}

// "integer, 1 to 64", "performance, balanced", "list of …"
std::string type_of(const Json& schema) {
  if (schema.contains("enum")) return "one of " + joined(schema["enum"]);
  if (schema.contains("const"))
    return schema["const"].is_string() ? schema["const"].get<std::string>()
                                       : schema["const"].dump();
  if (schema.contains("not")) return "refused";
  const std::string type = schema.value("type", "");
  if (schema.contains("oneOf") && type.empty()) return alternatives(schema["oneOf"]);
  if (type == "array") return "list: " + type_of(schema["items"]);
  if (type == "object") return "section";
  if (type == "boolean") return "true or false";
  if (type != "integer") return "text";
  std::string out = "integer, " + schema["minimum"].dump() + " to " + schema["maximum"].dump();
  if (schema.contains("multipleOf")) out += ", a multiple of " + schema["multipleOf"].dump();
  return out;
}

std::string default_of(const Json& schema) {
  if (schema.contains("x-default")) return schema["x-default"].get<std::string>();
  if (!schema.contains("default")) return "";
  const Json& value = schema["default"];
  if (value.is_array()) return value.empty() ? "[]" : joined(value);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// The section whose keys `schema` describes: itself, what a name leads to, or a list's items.
const Json* section_in(const Json& schema, std::string& path) {
  if (schema.contains("properties")) return &schema;
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
    path += ".NAME";
    return section_in(schema["additionalProperties"], path);
  }
  if (!schema.contains("items")) return nullptr;
  path += "[]";
  const Json& items = schema["items"];
  if (items.contains("properties")) return &items;
  if (items.contains("oneOf"))
    for (const Json& one : items["oneOf"])
      if (one.contains("properties")) return &one;
  return nullptr;
}

bool is_required(const Json& section, const std::string& key) {
  if (!section.contains("required")) return false;
  for (const Json& name : section["required"])
    if (name == key) return true;
  return false;
}

void append_section(std::string& out, const Json& section, const std::string& path) {
  out += "\n## " + (path.empty() ? "Top level" : "`" + path + "`") + "\n\n";
  out += "| key | value | without it | meaning |\n| --- | --- | --- | --- |\n";
  for (const auto& [key, value] : section["properties"].items())
    out += "| `" + key + "` | " + type_of(value) + " | " +
           (is_required(section, key) ? "**required**" : default_of(value)) + " | " +
           value["description"].get<std::string>() + " |\n";
  for (const auto& [key, value] : section["properties"].items()) {
    std::string below = path.empty() ? key : path + "." + key;
    if (const Json* inner = section_in(value, below)) append_section(out, *inner, below);
  }
}

}  // namespace

std::string markdown_reference() {
  std::string out =
      "# Configuration reference\n\n"
      "Made by `kanmon schema --markdown` from the tables the program reads its configuration\n"
      "with; a test holds this file to them. [config.md](config.md) explains how the parts go\n"
      "together.\n";
  append_section(out, Json::parse(json_schema()), "");
  return out;
}

}  // namespace kanmon::config
