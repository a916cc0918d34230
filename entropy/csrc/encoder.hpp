// Buffers pushes in order; finish() encodes them in reverse into one payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "adaptive.hpp"
#include "bits.hpp"
#include "buffer.hpp"
#include "profiles.hpp"
#include "tables.hpp"

namespace kodek {

class Encoder {
 public:
  explicit Encoder(int profile);

  // Each push adds all of its symbols or, when it throws, none.
  template <class Index>
  void push(std::span<const std::int16_t> symbols, std::span<const Index> index,
            const std::shared_ptr<const Tables>& tables);
  void push_intervals(std::span<const std::uint32_t> starts, std::span<const std::uint32_t> freqs, int bits);
  void push_bits(std::span<const std::uint32_t> values, int count);
  // An empty context means context 0 for every symbol.
  void push_adaptive(std::span<const std::uint16_t> symbols, AdaptiveModel& model,
                     std::span<const std::uint16_t> context);
  // weights: a row of `alphabet` for each symbol.
  void push_weighted(std::span<const std::int16_t> symbols, std::span<const std::uint32_t> weights,
                     std::size_t alphabet);

  // The payload; the encoder is empty again afterwards.
  std::vector<std::uint8_t> finish();

 private:
  // A run of items of one kind: entry numbers of `tables`, or packed intervals where it is null.
  struct Run {
    std::shared_ptr<const Tables> tables;
    std::size_t first, count;
    int bits;
  };

  std::uint32_t* start_run(std::shared_ptr<const Tables> tables, std::size_t count, int bits);
  void drop_last_run();
  std::uint32_t push_side_bits(std::int16_t symbol, const Row& row, bool escape);

  template <int Lanes>
  std::vector<std::uint8_t> encode_lanes() const;
  std::vector<std::uint8_t> encode_single() const;

  int profile_;
  Buffer<std::uint32_t> items_;
  std::vector<Run> runs_;
  BitWriter side_;
};

}  // namespace kodek
