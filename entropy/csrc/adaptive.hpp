// Adaptive frequency counts in integer arithmetic, one binary indexed tree per context (Fenwick, 1994).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "weights.hpp"

namespace kodek {

class AdaptiveModel {
 public:
  static constexpr std::size_t kMaxCounts = std::size_t{1} << 24;

  AdaptiveModel(std::size_t alphabet, std::size_t contexts, std::uint32_t increment, std::uint32_t limit)
      : alphabet_(alphabet), contexts_(contexts), increment_(increment), limit_(limit) {
    if (alphabet < 1 || alphabet > kMaxAlphabet)
      throw std::invalid_argument("the alphabet must have 1 to 4096 symbols");
    if (contexts < 1 || contexts * alphabet > kMaxCounts) {
      throw std::invalid_argument("contexts must be positive and contexts * alphabet at most 2^24");
    }
    if (limit > (std::uint32_t{1} << 24) || limit < 2 * alphabet) {
      throw std::invalid_argument("limit must lie between twice the alphabet and 2^24");
    }
    if (increment < 1 || increment > limit / 2) throw std::invalid_argument("increment must be 1 to limit / 2");
    reset();
  }

  void reset() {
    counts_.assign(contexts_ * alphabet_, 1);
    trees_.assign(contexts_ * (alphabet_ + 1), 0);
    totals_.assign(contexts_, static_cast<std::uint32_t>(alphabet_));
    for (std::size_t c = 0; c < contexts_; ++c) build_tree(c);
  }

  std::size_t alphabet() const { return alphabet_; }
  std::size_t contexts() const { return contexts_; }
  std::mutex& mutex() { return mutex_; }

  Interval interval(std::size_t context, std::size_t symbol, int bits) const {
    const std::uint64_t below = below_count(context, symbol);
    const std::uint64_t upto = below + counts_[context * alphabet_ + symbol];
    return weighted_interval(symbol, alphabet_, below, upto, totals_[context], bits);
  }

  // The symbol whose interval holds the slot: the largest s with start(s) <= slot.
  std::size_t find(std::size_t context, std::uint32_t slot, int bits) const {
    const std::uint32_t* tree = trees_.data() + context * (alphabet_ + 1);
    std::size_t symbol = 0;
    std::uint64_t below = 0;
    for (std::size_t step = std::bit_floor(alphabet_); step != 0; step /= 2) {
      const std::size_t next = symbol + step;
      if (next >= alphabet_) continue;
      const std::uint64_t sum = below + tree[next];
      if (starts_by(slot, next, alphabet_, sum, totals_[context], bits)) {
        symbol = next;
        below = sum;
      }
    }
    return symbol;
  }

  void update(std::size_t context, std::size_t symbol) {
    std::uint32_t* counts = counts_.data() + context * alphabet_;
    std::uint32_t* tree = trees_.data() + context * (alphabet_ + 1);
    counts[symbol] += increment_;
    totals_[context] += increment_;
    if (totals_[context] <= limit_) {
      for (std::size_t i = symbol + 1; i <= alphabet_; i += i & (~i + 1)) tree[i] += increment_;
      return;
    }
    totals_[context] = 0;
    for (std::size_t s = 0; s < alphabet_; ++s) {
      counts[s] = (counts[s] + 1) / 2;
      totals_[context] += counts[s];
    }
    build_tree(context);
  }

 private:
  std::uint64_t below_count(std::size_t context, std::size_t symbol) const {
    const std::uint32_t* tree = trees_.data() + context * (alphabet_ + 1);
    std::uint64_t sum = 0;
    for (std::size_t i = symbol; i != 0; i &= i - 1) sum += tree[i];
    return sum;
  }

  void build_tree(std::size_t context) {
    const std::uint32_t* counts = counts_.data() + context * alphabet_;
    std::uint32_t* tree = trees_.data() + context * (alphabet_ + 1);
    for (std::size_t i = 1; i <= alphabet_; ++i) tree[i] = counts[i - 1];
    for (std::size_t i = 1; i <= alphabet_; ++i) {
      const std::size_t parent = i + (i & (~i + 1));
      if (parent <= alphabet_) tree[parent] += tree[i];
    }
  }

  std::size_t alphabet_, contexts_;
  std::uint32_t increment_, limit_;
  std::vector<std::uint32_t> counts_, trees_, totals_;
  std::mutex mutex_;
};

}  // namespace kodek
