#include "driver/emulated/stream_knowledge.hpp"

#include <algorithm>

namespace narke::internal::emulation {

void stream_knowledge::learn(std::uint32_t stream, std::uint64_t sequence) {
  if (of(stream) >= sequence) return;
  auto grown = known_ != nullptr ? *known_ : sequence_by_stream{};
  if (grown.size() <= stream) grown.resize(stream + 1);
  grown[stream] = sequence;
  known_ = std::make_shared<const sequence_by_stream>(std::move(grown));
}

void stream_knowledge::learn(const stream_knowledge& other) {
  if (other.known_ == nullptr || other.known_ == known_) return;
  if (known_ == nullptr) {
    known_ = other.known_;
    return;
  }
  auto grown = *known_;
  grown.resize(std::max(grown.size(), other.known_->size()));
  for (std::size_t i = 0; i < other.known_->size(); ++i) {
    grown[i] = std::max(grown[i], (*other.known_)[i]);
  }
  known_ = std::make_shared<const sequence_by_stream>(std::move(grown));
}

}  // namespace narke::internal::emulation
