#include "dataplane/fib/node_pool.h"

#include <cassert>
#include <new>

namespace kanmon::fib {
namespace {

// More empty batches than a usual update takes are given back.
constexpr size_t kKeptSpares = 4;

}  // namespace

NodePool::NodePool(rings::Qsbr& qsbr, size_t limit_bytes)
    : qsbr_(qsbr), nodes_(limit_bytes), routes_(limit_bytes) {}

NodePool::~NodePool() {
  settle();
  qsbr_.drain();
  delete open_;
  trim(0);
}

bool NodePool::reserve(size_t bytes, size_t count, size_t route_bytes) {
  return nodes_.reserve(bytes) && routes_.reserve(route_bytes) && provide_batches(count);
}

bool NodePool::provide_batches(size_t count) {
  const size_t room = open_ ? Batch::kCapacity - open_->count : 0;
  while (room + spares_ * Batch::kCapacity < count) {
    auto* batch = new (std::nothrow) Batch;
    if (!batch) return false;
    batch->release = release_batch;
    batch->pool = this;
    batch->below = spare_;
    spare_ = batch;
    ++spares_;
  }
  return true;
}

void NodePool::retire(Arena::Ref node) {
  if (!open_) {
    assert(spare_);
    open_ = spare_;
    spare_ = open_->below;
    --spares_;
  }
  open_->refs[open_->count++] = node;
  if (open_->count < Batch::kCapacity) return;
  open_->below = full_;
  full_ = open_;
  open_ = nullptr;
}

void NodePool::settle() {
  trim(kKeptSpares);
  if (!full_) return;
  while (full_) {
    Batch* batch = full_;
    full_ = batch->below;
    qsbr_.retire(*batch);
  }
  qsbr_.reclaim();
}

size_t NodePool::reclaim() {
  settle();
  if (open_) qsbr_.retire(*open_);
  open_ = nullptr;
  return qsbr_.reclaim();
}

void NodePool::trim(size_t kept) {
  while (spares_ > kept) {
    Batch* batch = spare_;
    spare_ = batch->below;
    --spares_;
    delete batch;
  }
}

void NodePool::release_batch(rings::Deferred* self) {
  auto* batch = static_cast<Batch*>(self);
  NodePool& pool = *batch->pool;
  for (uint32_t i = 0; i < batch->count; ++i) pool.nodes_.release(batch->refs[i]);
  batch->count = 0;
  batch->below = pool.spare_;
  pool.spare_ = batch;
  ++pool.spares_;
  pool.trim(kKeptSpares);
}

}  // namespace kanmon::fib
