// Network namespaces of host devices.
//
// In the namespace where a port's own interface lives, the kernel takes packets for any of its
// addresses from any interface: what arrives at the port in clear would reach an inside address
// around the gateway. So host devices have a namespace of their own, one for each table: private to
// the daemon, or one that the operator has named (`ip netns add`), to run his programs in.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace kanmon::host {

class Namespace {
 public:
  // REQUIRES: `fd` refers to a network namespace; it is closed by the destructor.
  explicit Namespace(int fd) : fd_(fd) {}
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  // The calling thread is in the namespace while this lives: sockets and devices it makes then
  // belong there, also afterwards.
  class Visit {
   public:
    // Null: stays where it is. ok() is false if the kernel refused (CAP_SYS_ADMIN).
    explicit Visit(const Namespace* where);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    bool ok() const { return is_ok_; }

   private:
    int home_ = -1;
    bool is_ok_ = true;
  };

 private:
  int fd_;
};

// Setting of a table that means the daemon's own namespace.
inline constexpr const char* kOwnNamespace = "self";

// By table; a private namespace lives as long as somebody holds it.
class Namespaces {
 public:
  // `setting`: empty for a private one, kOwnNamespace, or the name of one that exists. Null with
  // `why` empty: the own one.
  std::shared_ptr<const Namespace> of(const std::string& table, const std::string& setting,
                                      std::string& why);

 private:
  std::map<std::string, std::weak_ptr<const Namespace>> open_;  // by table and setting
};

}  // namespace kanmon::host
