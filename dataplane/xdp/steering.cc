#include "dataplane/xdp/steering.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>
#include <xdp_objects.h>

namespace kanmon::xdp {
namespace {

constexpr uint32_t kZero = 0;
constexpr uint32_t kMaxMaps = 16;  // of a program

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// libbpf explains itself on standard error, at length; the last thing it warns of is the reason.
class LibraryWords {
 public:
  LibraryWords() : before_(libbpf_set_print(listen)) { last_[0] = '\0'; }
  ~LibraryWords() { libbpf_set_print(before_); }
  LibraryWords(const LibraryWords&) = delete;
  LibraryWords& operator=(const LibraryWords&) = delete;

  static std::string last() {
    std::string text = last_;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  __attribute__((format(printf, 2, 0))) static int listen(libbpf_print_level level,
                                                          const char* format, va_list arguments) {
    return level == LIBBPF_WARN ? vsnprintf(last_, sizeof last_, format, arguments) : 0;
  }

  static inline char last_[256];
  libbpf_print_fn_t before_;
};

std::string sentence(const char* what, int code) {
  const std::string words = LibraryWords::last();
  return std::string(what) + ": " + std::strerror(code < 0 ? -code : code) +
         (words.empty() ? "" : " (" + words + ")");
}

AddressKey key_of(const wire::IpAddress& address) {
  AddressKey key{};
  if (address.is_v4()) {
    key.octets[10] = key.octets[11] = 0xff;
    std::copy_n(address.octets.begin(), 4, key.octets + 12);
  } else {
    std::copy_n(address.octets.begin(), 16, key.octets);
  }
  return key;
}

bool same(const AddressKey& a, const AddressKey& b) {
  return std::equal(std::begin(a.octets), std::end(a.octets), std::begin(b.octets));
}

// The program on the interface; `id` for messages.
Descriptor running_program(int interface) {
  uint32_t id = 0;
  if (bpf_xdp_query_id(interface, 0, &id) != 0 || id == 0) return Descriptor();
  return Descriptor(bpf_prog_get_fd_by_id(id));
}

Descriptor sockets_of(int program) {
  uint32_t ids[kMaxMaps];
  bpf_prog_info info{};
  info.nr_map_ids = kMaxMaps;
  info.map_ids = reinterpret_cast<uintptr_t>(ids);
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return Descriptor();
  for (uint32_t i = 0; i < std::min(info.nr_map_ids, kMaxMaps); ++i) {
    Descriptor map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info about{};
    uint32_t about_size = sizeof about;
    if (map && bpf_obj_get_info_by_fd(map.get(), &about, &about_size) == 0 &&
        about.type == BPF_MAP_TYPE_XSKMAP)
      return map;
  }
  return Descriptor();
}

int reuse(bpf_object* object, const char* name, int fd) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  return map == nullptr ? -ENOENT : bpf_map__reuse_fd(map, fd);
}

}  // namespace

Steering::~Steering() {
  bpf_object__close(object_);
}

std::unique_ptr<Steering> Steering::load(SpiFilter& filter, int sockets, std::string& error) {
  const LibraryWords words;
  const int spis = filter.map();
  if (spis < 0) {
    error = sentence("the map of known SPIs cannot be made", spis);
    return nullptr;
  }
  std::unique_ptr<Steering> s(new Steering);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "kanmon");
  s->object_ = bpf_object__open_mem(kSteerObject, sizeof kSteerObject, &options);
  int code = s->object_ == nullptr ? -errno : reuse(s->object_, "xsks_map", sockets);
  if (code == 0) code = reuse(s->object_, "known_spis", spis);
  if (code == 0) code = bpf_object__load(s->object_);
  if (code != 0) {
    error = sentence("the kernel does not take the program", code);
    return nullptr;
  }
  const auto map = [&](const char* name) {
    return bpf_object__find_map_fd_by_name(s->object_, name);
  };
  s->program_ = bpf_program__fd(bpf_object__find_program_by_name(s->object_, "kanmon_steer"));
  s->port_ = map("port");
  s->addresses_ = map("kernel_addresses");
  s->verdicts_ = map("verdicts");
  return s;
}

std::unique_ptr<Steering> Steering::take_over(const std::string& interface, SpiFilter& filter,
                                              std::string& error) {
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  const Descriptor before = running_program(index);
  const Descriptor sockets = before ? sockets_of(before.get()) : Descriptor();
  if (!sockets) {
    error = sentence("the driver's map of sockets cannot be found", errno);
    return nullptr;
  }
  std::unique_ptr<Steering> s = load(filter, sockets.get(), error);
  if (s == nullptr) return nullptr;
  const LibraryWords words;
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = before.get());
  const int code = bpf_xdp_attach(index, s->program_, XDP_FLAGS_REPLACE, &options);
  if (code == 0) return s;
  error = sentence("the program cannot be attached", code);
  return nullptr;
}

bool Steering::set(const Rules& rules) {
  std::vector<AddressKey> wanted;
  for (const wire::IpAddress& address : rules.kernel_addresses) wanted.push_back(key_of(address));
  const auto holds = [](const std::vector<AddressKey>& list, const AddressKey& key) {
    return std::any_of(list.begin(), list.end(), [&](const AddressKey& k) { return same(k, key); });
  };
  bool done = true;
  for (const AddressKey& key : shared_)
    if (!holds(wanted, key)) done &= bpf_map_delete_elem(addresses_, &key) == 0;
  const uint8_t one = 1;
  for (const AddressKey& key : wanted)
    done &= bpf_map_update_elem(addresses_, &key, &one, BPF_ANY) == 0;
  shared_ = std::move(wanted);
  PortRules port{};
  port.role = static_cast<uint8_t>(rules.role);
  port.shared = shared_.empty() ? 0 : 1;
  std::copy(rules.mac.begin(), rules.mac.end(), port.mac);
  return bpf_map_update_elem(port_, &kZero, &port, BPF_ANY) == 0 && done;
}

Counts Steering::counts() const {
  Counts counts{};
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return counts;
  std::vector<uint64_t> values(static_cast<std::size_t>(cpus));
  for (uint32_t v = 0; v < kVerdicts; ++v) {
    if (bpf_map_lookup_elem(verdicts_, &v, values.data()) != 0) continue;
    for (const uint64_t n : values) counts[v] += n;
  }
  return counts;
}

}  // namespace kanmon::xdp
