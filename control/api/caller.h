// Who called the API, as the kernel vouches for it (SO_PEERCRED, SO_PEERGROUPS).
#pragma once

#include <optional>
#include <vector>

#include <sys/types.h>

namespace kanmon::api {

// Nobody, until the kernel has said who it is.
struct Caller {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;
  pid_t pid = 0;  // for the log: it may have ended, and its number may be another's since
};

// True if `caller` may use the API of a program that runs as `own_uid`: root, the program's own
// user, and the members of `group`, if there is one.
bool may_call(const Caller& caller, uid_t own_uid, const std::optional<gid_t>& group);

// True if `caller` may be given keys, if keys are given at all: root and the program's own user,
// who could read them out of its memory anyway. Membership in a group is not enough.
bool may_have_keys(const Caller& caller, uid_t own_uid);

}  // namespace kanmon::api
