// Immutable, validated frequency tables and the derived structures the coders read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "buffer.hpp"

namespace kodek {

// What a decoder needs about one entry; freq is stored minus one so that 2^16 fits.
struct Entry {
  std::uint16_t start;
  std::uint16_t freq_minus_1;
  std::int16_t value;     // symbol >> shift
  std::uint16_t special;  // 1: bits in the side buffer follow (escape, or shift > 0)
};

// What a 32-bit encoder needs (tables of at most 14 bits): the division by freq as a multiplication.
struct EncodeEntry {
  std::uint32_t reciprocal;  // min(floor(2^32 / freq), 2^32 - 1)
  std::uint16_t freq;
  std::uint16_t start;
};

struct Row {
  std::int32_t offset;    // value of the first entry
  std::uint32_t regular;  // entries that are not the escape
  std::uint32_t base;     // first entry in the concatenated arrays
  std::uint32_t shift;    // raw low bits
};

class Tables {
 public:
  static constexpr std::size_t kMaxTables = 4096;
  static constexpr std::size_t kMaxAlphabet = 4097;  // 4096 values and an escape
  static constexpr std::size_t kMaxEntries = std::size_t{1} << 22;

  Tables(std::span<const std::uint32_t> freqs, std::span<const std::int32_t> sizes,
         std::span<const std::int32_t> offsets, std::span<const std::uint8_t> shifts, int bits, bool escape);

  int bits() const { return bits_; }
  bool escape() const { return escape_; }
  std::size_t count() const { return rows_.size(); }
  const Row* rows() const { return rows_.data(); }
  const Entry* entries() const { return entries_.data(); }
  std::size_t entry_count() const { return entries_.size(); }
  const EncodeEntry* encode_entries() const { return encode_.data(); }

  // bucket(t, b): first entry of table t that reaches into the slots with high bits b.
  const std::uint16_t* buckets() const { return buckets_.data(); }
  int bucket_bits() const { return bucket_bits_; }

  // The entry of table t that owns the slot.
  const Entry* find(std::size_t table, std::uint32_t slot) const {
    const std::uint32_t bucket = slot >> (bits_ - bucket_bits_);
    const Entry* entry = entries_.data() + rows_[table].base + buckets_[(table << bucket_bits_) + bucket];
    while (slot - entry->start > entry->freq_minus_1) ++entry;
    return entry;
  }

  // Ideal length in bits of the symbols under these tables, side buffer included.
  template <class Index>
  double cost(std::span<const std::int16_t> symbols, std::span<const Index> index) const;

 private:
  int bits_, bucket_bits_;
  bool escape_;
  std::vector<Row> rows_;
  std::vector<Entry> entries_;
  std::vector<EncodeEntry> encode_;
  std::vector<std::uint16_t> buckets_;
};

// Distance of a value to the regular range [offset, offset + regular), sides interleaved (zig-zag).
inline std::uint32_t escape_excess(std::int32_t value, const Row& row) {
  const std::int32_t end = row.offset + static_cast<std::int32_t>(row.regular);
  return value >= end ? static_cast<std::uint32_t>(value - end) * 2
                      : static_cast<std::uint32_t>(row.offset - 1 - value) * 2 + 1;
}

inline std::int32_t escaped_value(std::uint32_t excess, const Row& row) {
  const auto distance = static_cast<std::int32_t>(excess / 2);
  return excess % 2 == 0 ? row.offset + static_cast<std::int32_t>(row.regular) + distance
                         : row.offset - 1 - distance;
}

}  // namespace kodek
