// Decodes one payload; every read is bounds-checked and every inconsistency is a StreamError.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "adaptive.hpp"
#include "bits.hpp"
#include "profiles.hpp"
#include "tables.hpp"

namespace kodek {

class Decoder {
 public:
  Decoder(std::span<const std::uint8_t> payload, int profile, bool portable);
  Decoder(const Decoder&) = delete;  // the readers point into data_
  Decoder& operator=(const Decoder&) = delete;

  // One symbol for each index; after a StreamError the decoder refuses to go on.
  template <class Index>
  void pop(std::span<const Index> index, const Tables& tables, std::int16_t* symbols);
  void pop_bits(std::size_t count, int bits, std::uint32_t* values);
  void pop_adaptive(std::size_t count, AdaptiveModel& model, std::span<const std::uint16_t> context,
                    std::int16_t* symbols);
  // One symbol for each row of `alphabet` weights.
  void pop_weighted(std::span<const std::uint32_t> weights, std::size_t alphabet, std::size_t count,
                    std::int16_t* symbols);
  void check_bits(std::size_t count, int bits) const;  // throws unless pop_bits(count, bits) can succeed

  // The core primitive, for models that live outside: slot of the next symbol, then its interval.
  std::uint32_t peek(int bits) const;
  void advance(std::uint32_t start, std::uint32_t freq, int bits);

  // Throws unless everything was read and every lane is back in its initial state.
  void finish();

 private:
  void start_single(std::span<const std::uint8_t> coded);
  void start_lanes(std::span<const std::uint8_t> coded);
  void check_alive() const;
  void check_interval_bits(int bits) const;
  std::size_t lane_count() const { return kProfiles[profile_].lanes; }
  std::uint32_t slot(int bits) const;
  void step(const Interval& interval, int bits);
  void advance_single(const Interval& interval, int bits);
  void advance_lane(std::uint32_t& x, const Interval& interval, int bits);

  template <class Index>
  void decode_single(std::span<const Index> index, const Tables& tables, std::int16_t* symbols);
  template <int Lanes, int Bits, class Index>
  void decode_lanes(std::span<const Index> index, const Tables& tables, std::int16_t* symbols);
  template <class Index>
  std::size_t decode_groups_simd(std::span<const Index> index, const Tables& tables, std::int16_t* symbols);
  template <class Index>
  void read_side_bits(std::span<const Index> index, const Tables& tables, std::size_t from, std::size_t to,
                      std::int16_t* symbols);

  int profile_;
  bool simd_;
  bool failed_ = false;
  std::vector<std::uint8_t> data_;      // the payload and BitReader::kPadding zero bytes
  const std::uint8_t* next_ = nullptr;  // unread units: [next_, end_)
  const std::uint8_t* end_ = nullptr;
  BitReader side_;
  std::uint64_t single_ = 0;
  std::array<std::uint32_t, kMaxLanes> lanes_{};
  std::size_t position_ = 0;  // symbols decoded so far
};

}  // namespace kodek
