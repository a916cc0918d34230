// Intervals from integer weights: every symbol has one slot, the others are shared out by weight.
//
//   start(s) = floor(below(s) * (2^bits - K) / total) + s
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

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

// Weights of logits to the base 2: integers in 2^-(8 + shift), which are rounded to 2^-8; `table` holds 2^-(i / 256)
// for distances i below the largest of a row, and its last entry is for all farther ones.
inline void exp2_weights(std::span<const double> logits, std::size_t alphabet, int shift,
                         std::span<const std::uint32_t> table, std::uint32_t* weights) {
  if (table.empty()) throw std::invalid_argument("the table is empty");
  if (shift < 1 || shift > 20) throw std::invalid_argument("shift must be 1 to 20");
  const double limit = static_cast<double>(std::int64_t{1} << (30 + shift));
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  const auto last = static_cast<std::int32_t>(table.size() - 1);
  std::vector<std::int32_t> steps(alphabet);
  for (std::size_t row = 0; row < logits.size(); row += alphabet) {
    std::int32_t largest = std::numeric_limits<std::int32_t>::min();
    for (std::size_t s = 0; s < alphabet; ++s) {
      const double logit = logits[row + s];
      if (!(logit < limit && logit > -limit)) throw std::invalid_argument("a logit is out of range");
      steps[s] = static_cast<std::int32_t>((static_cast<std::int64_t>(logit) + half) >> shift);
      largest = std::max(largest, steps[s]);
    }
    for (std::size_t s = 0; s < alphabet; ++s) weights[row + s] = table[std::min(largest - steps[s], last)];
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
