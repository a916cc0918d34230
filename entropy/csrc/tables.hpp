// Immutable, validated frequency tables and the derived structures the coders read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <vector>

#include "buffer.hpp"

namespace kodek {

// What a decoder needs about one entry, in 8 bytes.
struct Entry {
  std::uint16_t start;
  std::uint16_t short_freq;  // modulo 2^16: 0 stands for 2^16, which only 16-bit tables can have
  std::int16_t value;        // symbol >> shift
  std::uint16_t special;     // 1: bits in the side buffer follow (escape, or shift > 0)

  std::uint32_t freq() const { return short_freq != 0 ? short_freq : std::uint32_t{1} << 16; }
};

// What a 32-bit encoder needs (tables of at most 14 bits): the division by freq as a multiplication.
struct EncodeEntry {
  std::uint64_t reciprocal;  // ceil(2^(32 + bits) / freq)
  std::uint32_t largest;     // state that needs no renormalisation: freq * 2^(32 - bits) - 1
  std::uint16_t start;
  std::uint16_t complement;  // 2^bits - freq
};

struct Row {
  std::int32_t offset;    // value of the first entry
  std::uint32_t plain;    // entries whose symbol needs no side buffer: 0 or `regular`
  std::uint32_t base;     // first entry in the concatenated arrays
  std::uint16_t regular;  // entries that are not the escape
  std::uint16_t shift;    // raw low bits
};

class SlotTable;  // the layout that SIMD decoding wants, see avx2.hpp

class Tables {
 public:
  static constexpr std::size_t kMaxTables = 4096;
  static constexpr std::size_t kMaxAlphabet = 4097;  // 4096 values and an escape
  static constexpr std::size_t kMaxEntries = std::size_t{1} << 22;

  Tables(std::span<const std::uint32_t> freqs, std::span<const std::int32_t> sizes,
         std::span<const std::int32_t> offsets, std::span<const std::uint8_t> shifts, int bits, bool escape);
  ~Tables();

  int bits() const { return bits_; }
  bool escape() const { return escape_; }
  std::size_t count() const { return rows_.size(); }
  const Row* rows() const { return rows_.data(); }
  const Entry* entries() const { return entries_.data(); }
  std::size_t entry_count() const { return entries_.size(); }
  const EncodeEntry* encode_entries() const { return encode_.data(); }

  // Where the search for a slot starts: for each table, the entry that owns the first slot of each of
  // 2^bucket_bits equal parts.
  const std::uint32_t* buckets() const { return buckets_.data(); }
  int bucket_bits() const { return bucket_bits_; }

  // The entry of table t that owns the slot.
  const Entry* find(std::size_t table, std::uint32_t slot) const {
    const Entry* entry = entries_.data() + buckets_[(table << bucket_bits_) + (slot >> (bits_ - bucket_bits_))];
    while (slot - entry->start >= entry->freq()) ++entry;
    return entry;
  }

  // Made at the first call, from any thread; null where it does not suit.
  const SlotTable* slot_table() const;

  // Ideal length in bits of the symbols under these tables, side buffer included.
  template <class Index>
  double cost(std::span<const std::int16_t> symbols, std::span<const Index> index) const;

 private:
  int bits_, bucket_bits_;
  bool escape_;
  std::vector<Row> rows_;
  std::vector<Entry> entries_;
  std::vector<EncodeEntry> encode_;
  std::vector<std::uint32_t> buckets_;
  mutable std::once_flag slot_table_once_;
  mutable std::unique_ptr<const SlotTable> slot_table_;
};

// Throws unless every table index is below count. A plain maximum, which compilers vectorise.
template <class Index>
void check_index(std::span<const Index> index, std::size_t count) {
  Index largest = 0;
  for (const Index i : index) largest = std::max(largest, i);
  if (largest >= count) throw std::invalid_argument("a table index is out of range");
}

// Distance of a value to the regular range [offset, offset + regular), sides interleaved (zig-zag).
inline std::uint32_t escape_excess(std::int32_t value, const Row& row) {
  const std::int32_t end = row.offset + static_cast<std::int32_t>(row.regular);
  return value >= end ? static_cast<std::uint32_t>(value - end) * 2
                      : static_cast<std::uint32_t>(row.offset - 1 - value) * 2 + 1;
}

inline std::int32_t escaped_value(std::uint32_t excess, const Row& row) {
  const auto distance = static_cast<std::int32_t>(excess / 2);
  return excess % 2 == 0 ? row.offset + static_cast<std::int32_t>(row.regular) + distance : row.offset - 1 - distance;
}

}  // namespace kodek
