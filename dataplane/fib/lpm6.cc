#include "dataplane/fib/lpm6.h"

#include "dataplane/fib/node.h"

namespace kanmon::fib {

NextHop Lpm6::lookup(const Address6& address) const {
  const View& view = table_.view();
  const Key key = Key::v6(address.data());
  return view.wide ? find_in<uint32_t>(view, key) : find_in<uint16_t>(view, key);
}

void Lpm6::lookup_bulk(const Address6* addresses, NextHop* out, unsigned n) const {
  for (unsigned i = 0; i < n; ++i) out[i] = lookup(addresses[i]);
}

}  // namespace kanmon::fib
