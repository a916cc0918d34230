// The 32-lane decoder with AVX2: same stream and same symbols as the portable loop, only faster. Encoding
// stays portable, where SIMD gains little (the loop is not a chain of look-ups there).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tables.hpp"

namespace kodek {

// One word per slot of every table: value << 24 | (slot - start) << 12 | (freq - 1). Entries whose symbol
// goes on in the side buffer have kSpecial in place of their value.
class SlotTable {
 public:
  static constexpr int kBits = 12;
  static constexpr int kSpecial = -128;

  // Whether the tables can be laid out so: 12 bits, values in -127 .. 127, at most 4 MiB.
  static bool suits(const Tables& tables);

  explicit SlotTable(const Tables& tables);
  const std::uint32_t* words() const { return words_.data(); }

 private:
  std::vector<std::uint32_t> words_;
};

struct Groups {
  std::size_t count = 0;                  // groups of 32 symbols decoded
  std::uint32_t special = 0;              // lanes of the last group that hold kSpecial
  std::array<std::uint32_t, 32> slots{};  // table << 12 | slot of the last group
};

// Decodes groups of 32 symbols until `limit` are done, fewer than 64 bytes of units are left, or a group
// holds special symbols. Indexes must be valid; moves `next` and updates the 32 lanes.
Groups decode_groups_avx2(const std::uint8_t* index, std::size_t limit, const SlotTable& table, std::uint32_t* lanes,
                          const std::uint8_t*& next, const std::uint8_t* end, std::int16_t* symbols);
Groups decode_groups_avx2(const std::uint16_t* index, std::size_t limit, const SlotTable& table, std::uint32_t* lanes,
                          const std::uint8_t*& next, const std::uint8_t* end, std::int16_t* symbols);

}  // namespace kodek
