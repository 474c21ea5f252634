#include "control/config/codec.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/log/text.h"

namespace kanmon::config {

std::optional<int64_t> read_integer(Context& context, const Node& node, int64_t least,
                                    int64_t most) {
  int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, ec] = std::from_chars(node.text.data(), end, value);
  const bool is_number = node.kind == Node::Kind::kScalar && !node.is_quoted && ec == std::errc{} &&
                         stop == end && !node.text.empty();
  if (is_number && least <= value && value <= most) return value;
  context.expected(node,
                   "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<std::string> read_text(Context& context, const Node& node, std::size_t longest,
                                     std::string_view what) {
  const bool fits = node.kind == Node::Kind::kScalar && !node.text.empty() &&
                    node.text.size() <= longest && node.text.find('\n') == std::string::npos;
  if (fits) return node.text;
  context.expected(
      node, std::string(what) + " of 1 to " + std::to_string(longest) + " octets on one line");
  return std::nullopt;
}

bool check_list(Context& context, const Node& node, std::size_t least, std::size_t most) {
  if (node.kind != Node::Kind::kSequence) {
    context.expected(node, "a list, as in [a, b]");
    return false;
  }
  const std::size_t n = node.items.size();
  if (least <= n && n <= most) return true;
  context.error(node, "found " + std::to_string(n) + " items, expected " + std::to_string(least) +
                          " to " + std::to_string(most));
  return false;
}

Json integer_schema(int64_t least, int64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}

Json text_schema(std::string_view pattern) {
  Json s = {{"type", "string"}};
  if (!pattern.empty()) s["pattern"] = pattern;
  return s;
}

void Boolean::read(Context& context, const Node& node, bool& out) {
  if (node.kind == Node::Kind::kScalar && !node.is_quoted &&
      (node.text == "true" || node.text == "false")) {
    out = node.text == "true";
  } else {
    context.expected(node, "true or false");
  }
}

std::optional<std::size_t> read_word(Context& context, const Node& node,
                                     const std::vector<std::string_view>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (node.kind == Node::Kind::kScalar && node.text == names[i]) return i;
    list += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
  }
  context.expected(node, list);
  return std::nullopt;
}

Json words_schema(const std::vector<std::string_view>& names) {
  Json values = Json::array();
  for (const std::string_view name : names) {
    int number = 0;
    const char* end = name.data() + name.size();
    const auto [stop, ec] = std::from_chars(name.data(), end, number);
    if (ec == std::errc{} && stop == end) {
      values.push_back(number);
    } else {
      values.push_back(name);
    }
  }
  return {{"enum", std::move(values)}};
}

void InterfaceAddresses::read(Context& context, const Node& node, wire::InterfaceAddress& out) {
  const auto parsed = wire::InterfaceAddress::parse(node.text);
  if (node.kind == Node::Kind::kScalar && parsed.ok() && node.text.find('/') != std::string::npos) {
    out = *parsed;
  } else {
    context.expected(node, "an address with the length of its subnet, as in 192.0.2.1/24");
  }
}

void Address::read(Context& context, const Node& node, wire::IpAddress& out) {
  const auto parsed = wire::IpAddress::parse(node.text);
  if (node.kind == Node::Kind::kScalar && parsed.ok() && !parsed->is_unspecified() &&
      !parsed->is_multicast() && !parsed->is_loopback()) {
    out = *parsed;
  } else {
    context.expected(node, "a host's IPv4 or IPv6 address");
  }
}

void AddressOrAny::read(Context& context, const Node& node, std::optional<wire::IpAddress>& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "any") {
    out.reset();
    return;
  }
  wire::IpAddress address;
  const std::size_t before = context.problems().errors();
  Address::read(context, node, address);
  if (context.problems().errors() == before) out = address;
}

void PrefixText::read(Context& context, const Node& node, wire::Prefix& out) {
  const auto parsed = wire::Prefix::parse(node.text);
  if (node.kind == Node::Kind::kScalar && parsed.ok()) {
    out = *parsed;
    return;
  }
  const auto loose = wire::InterfaceAddress::parse(node.text);
  std::string what = "a prefix, as in 10.2.0.0/16";
  if (node.kind == Node::Kind::kScalar && loose.ok())
    what += "; bits beyond the length are set, the prefix would be " + loose->subnet().to_string();
  context.expected(node, what);
}

void Mac::read(Context& context, const Node& node, std::optional<wire::MacAddress>& out) {
  wire::MacAddress mac{};
  bool good = node.kind == Node::Kind::kScalar && node.text.size() == 17;
  for (std::size_t i = 0; good && i < mac.size(); ++i) {
    const char* digits = node.text.data() + 3 * i;
    const auto [stop, ec] = std::from_chars(digits, digits + 2, mac[i], 16);
    good = ec == std::errc{} && stop == digits + 2 && (i == 5 || *stop == ':');
  }
  if (good && (mac[0] & 1) == 0 && mac != wire::MacAddress{}) {
    out = mac;
  } else {
    context.expected(node, "a unicast MAC address, as in 02:00:00:00:00:01");
  }
}

void Reference::read(Context& context, const Node& node, std::string& out) {
  if (auto text = read_text(context, node, 63, "a name")) out = std::move(*text);
}

Json Reference::schema() {
  return text_schema();
}

void Path::read(Context& context, const Node& node, std::string& out) {
  constexpr std::size_t kLongest = 100;  // of a unix socket's address: 108 with the zero
  auto text = read_text(context, node, kLongest, "a path");
  if (!text) return;
  if (text->front() != '/') {
    context.expected(node, "an absolute path");
  } else {
    out = std::move(*text);
  }
}

void IdentityText::read(Context& context, const Node& node, ike::Identity& out) {
  if (const auto text = read_text(context, node, 255, "an identity")) {
    ike::Identity identity = ike::Identity::parse(*text);
    if (identity.data.empty()) {
      context.expected(node, "an address, a name, an e-mail address or keyid: and hex digits");
    } else {
      out = std::move(identity);
    }
  }
}

namespace {

// Never shows the key: only how long it is.
void take_key(Context& context, const Node& node, wire::Bytes bytes, Secret& out) {
  if (bytes.size() < PresharedKey::kLeast || bytes.size() > PresharedKey::kMost) {
    context.error(node, "found a key of " + std::to_string(bytes.size()) + " octets, expected " +
                            std::to_string(PresharedKey::kLeast) + " to " +
                            std::to_string(PresharedKey::kMost));
    return;
  }
  if (bytes.size() < PresharedKey::kAdvised)
    context.warning(node, "is a key of " + std::to_string(bytes.size()) +
                              " octets; whoever is in the path can guess weak keys offline, at "
                              "least 16 random ones (128 bits) are advised (RFC 7296 section 5)");
  out = Secret(bytes);
}

struct CloseFile {
  int fd;
  ~CloseFile() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

void PresharedKey::read(Context& context, const Node& node, Secret& out) {
  if (node.kind != Node::Kind::kScalar) {
    context.error(node, "found no text, expected a key in quotes");
    return;
  }
  if (node.text.find('\n') != std::string::npos) {
    context.error(node, "found a key with a line end in it, expected it on one line");
    return;
  }
  if (!node.is_hidden)
    context.warning(node,
                    "is written so that copies of it stay in the process's memory; write it on the "
                    "line of its name, in quotes and without escapes or anchors, or better in a "
                    "file of its own (pre-shared-key-file)");
  take_key(context, node, {reinterpret_cast<const uint8_t*>(node.text.data()), node.text.size()},
           out);
}

Json PresharedKey::schema() {
  return {{"type", "string"}, {"minLength", kLeast}, {"maxLength", kMost}};
}

void PresharedKeyFile::read(Context& context, const Node& node, Secret& out) {
  auto path = read_text(context, node, 4095, "a path");
  if (!path) return;
  const auto folder = context.file().rfind('/');
  if (path->front() != '/' && folder != std::string::npos)
    path->insert(0, context.file(), 0, folder + 1);
  const CloseFile file{open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.fd < 0 || fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    context.expected(node, "a readable file; " + in_quotes(*path) + " is none");
    return;
  }
  if ((status.st_mode & S_IROTH) != 0)
    context.warning(node, "the file " + in_quotes(*path) + " is readable by every user");
  Secret text(PresharedKey::kMost + 2);
  const ssize_t got = ::read(file.fd, text.mutable_bytes().data(), text.size());
  std::size_t size = got < 0 ? 0 : static_cast<std::size_t>(got);
  while (size > 0 && (text.bytes()[size - 1] == '\n' || text.bytes()[size - 1] == '\r')) --size;
  take_key(context, node, text.bytes().first(size), out);
}

}  // namespace kanmon::config
