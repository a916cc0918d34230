// Intervals from integer weights: every symbol has one slot, the others are shared out by weight.
//
//   start(s) = floor(below(s) * (2^bits - K) / total) + s
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

namespace kodek {

inline constexpr std::size_t kMaxAlphabet = 4096;  // so that every profile's 2^bits exceeds it

struct Interval {
  std::uint32_t start, freq;
};

// Of `symbol` among `alphabet`, with the sums of the weights below it, up to and with it, and of all.
inline Interval weighted_interval(std::size_t symbol, std::size_t alphabet, std::uint64_t below, std::uint64_t upto,
                                  std::uint64_t total, int bits) {
  const std::uint64_t share = (std::uint64_t{1} << bits) - alphabet;
  const auto start = static_cast<std::uint32_t>(below * share / total + symbol);
  const auto end = static_cast<std::uint32_t>(upto * share / total + symbol + 1);
  return {start, end - start};
}

// Whether start(symbol) <= slot, without a division.
inline bool starts_by(std::uint32_t slot, std::size_t symbol, std::size_t alphabet, std::uint64_t below,
                      std::uint64_t total, int bits) {
  const std::uint64_t share = (std::uint64_t{1} << bits) - alphabet;
  return symbol <= slot && below * share < (slot - symbol + 1) * total;
}

inline std::uint64_t sum_of(std::span<const std::uint32_t> weights) {
  return std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
}

// Throws unless `weights` holds `count` rows of an alphabet, none of them all zero.
inline void check_weights(std::span<const std::uint32_t> weights, std::size_t count, std::size_t alphabet) {
  if (alphabet < 1 || alphabet > kMaxAlphabet) throw std::invalid_argument("the weights must be of 1 to 4096 symbols");
  if (weights.size() != count * alphabet) throw std::invalid_argument("the weights and their number differ");
  for (std::size_t i = 0; i < count; ++i) {
    if (sum_of(weights.subspan(i * alphabet, alphabet)) == 0) throw std::invalid_argument("all weights are zero");
  }
}

// The symbol whose interval holds the slot, the largest s with start(s) <= slot, and the interval.
inline std::pair<std::size_t, Interval> find_weighted(std::span<const std::uint32_t> weights, std::uint32_t slot,
                                                      int bits) {
  constexpr std::size_t kStride = 32;  // whole strides are skipped first
  const std::size_t alphabet = weights.size();
  const std::uint64_t total = sum_of(weights);
  std::size_t symbol = 0;
  std::uint64_t below = 0;
  for (const std::size_t step : {kStride, std::size_t{1}}) {
    while (symbol + step < alphabet) {
      const std::uint64_t next = below + sum_of(weights.subspan(symbol, step));
      if (!starts_by(slot, symbol + step, alphabet, next, total, bits)) break;
      symbol += step;
      below = next;
    }
  }
  return {symbol, weighted_interval(symbol, alphabet, below, below + weights[symbol], total, bits)};
}

}  // namespace kodek
