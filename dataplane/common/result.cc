#include "dataplane/common/result.h"

namespace kanmon {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::kTruncated:
      return "truncated";
    case Errc::kBadLength:
      return "bad length";
    case Errc::kBadValue:
      return "bad value";
    case Errc::kBadAlign:
      return "bad alignment";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kNoSpace:
      return "no space";
    case Errc::kNotFound:
      return "not found";
    case Errc::kDuplicate:
      return "duplicate";
    case Errc::kAuthFailed:
      return "authentication failed";
    case Errc::kSystem:
      return "system error";
  }
  return "unknown error";
}

}  // namespace kanmon
