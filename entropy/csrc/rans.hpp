// The rANS steps (Duda 2013; interleaving and layout after Giesen 2014), one symbol at a time.
//
// Encoding an interval [start, start + freq) of 2^bits slots maps the state x to
//   (x / freq) * 2^bits + x % freq + start,
// after moving the low unit of x to the output when the result would leave the state's range.
#pragma once

#include <cstdint>

#include "adaptive.hpp"
#include "buffer.hpp"
#include "profiles.hpp"
#include "tables.hpp"

namespace kodek {

// --- 32-bit state in [2^16, 2^32), 16-bit units, bits <= 14 ---

// Writes at most one unit in front of `out`; without a branch, because it is unpredictable.
inline std::uint32_t renormalise(std::uint32_t x, std::uint32_t largest, std::uint16_t*& out) {
  out[-1] = static_cast<std::uint16_t>(x);
  const bool emit = x > largest;
  out -= emit;
  return emit ? x >> 16 : x;
}

inline std::uint32_t encode_entry(std::uint32_t x, const EncodeEntry& entry, int bits, std::uint16_t*& out) {
  x = renormalise(x, entry.largest, out);
  // x < freq * 2^(32 - bits), so the product fits in 64 bits, and the excess of the reciprocal, below
  // x * freq / 2^(32 + bits) < 1 in units of 1 / freq, never lifts the quotient to the next integer.
  const auto quotient = static_cast<std::uint32_t>(x * entry.reciprocal >> (32 + bits));
  return x + entry.start + quotient * entry.complement;
}

inline std::uint32_t encode_interval(std::uint32_t x, Interval interval, int bits, std::uint16_t*& out) {
  x = renormalise(x, static_cast<std::uint32_t>((std::uint64_t{interval.freq} << (32 - bits)) - 1), out);
  return ((x / interval.freq) << bits) + x % interval.freq + interval.start;
}

inline std::uint32_t decode_state(std::uint32_t x, Interval interval, int bits) {
  return interval.freq * (x >> bits) + (x & ((std::uint32_t{1} << bits) - 1)) - interval.start;
}

// --- 64-bit state below 2^63, 32-bit units, bits <= 16 ---

inline void emit_unit(std::uint64_t& x, ReverseBuffer<std::uint32_t>& units) {
  std::uint32_t*& cursor = units.reserve(1);
  *--cursor = static_cast<std::uint32_t>(x);
  x >>= 32;
}

inline void encode_interval64(std::uint64_t& x, Interval interval, int bits, ReverseBuffer<std::uint32_t>& units) {
  if (x >> (63 - bits) >= interval.freq) emit_unit(x, units);
  x = ((x / interval.freq) << bits) + x % interval.freq + interval.start;
}

inline std::uint64_t decode_state64(std::uint64_t x, Interval interval, int bits) {
  return interval.freq * (x >> bits) + (x & ((std::uint64_t{1} << bits) - 1)) - interval.start;
}

}  // namespace kodek
