#include "tables.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "avx2.hpp"
#include "errors.hpp"

namespace kodek {
namespace {

std::string in_table(std::size_t t, const char* what) { return "table " + std::to_string(t) + ": " + what; }

// Every value that the table's regular entries stand for must be a 16-bit integer after the shift.
void check_range(std::size_t t, const Row& row) {
  const std::int64_t low = row.offset;
  const std::int64_t high = low + row.regular - 1;
  if (low < (std::numeric_limits<std::int16_t>::min() >> row.shift) ||
      high > (std::numeric_limits<std::int16_t>::max() >> row.shift)) {
    throw TableError(in_table(t, "its values leave the 16-bit range"));
  }
}

}  // namespace

Tables::Tables(std::span<const std::uint32_t> freqs, std::span<const std::int32_t> sizes,
               std::span<const std::int32_t> offsets, std::span<const std::uint8_t> shifts, int bits, bool escape)
    : bits_(bits), bucket_bits_(std::min(bits, 8)), escape_(escape) {
  if (bits < 1 || bits > 16) throw TableError("bits must be 1 to 16");
  if (sizes.empty() || sizes.size() > kMaxTables) throw TableError("there must be 1 to 4096 tables");
  if (offsets.size() != sizes.size() || shifts.size() != sizes.size()) {
    throw TableError("sizes, offsets and shifts must have one value per table");
  }
  if (freqs.size() > kMaxEntries) throw TableError("more than 2^22 entries in all tables");

  const std::uint32_t total = std::uint32_t{1} << bits;
  const std::int32_t smallest = escape ? 2 : 1;
  entries_.reserve(freqs.size());
  rows_.reserve(sizes.size());
  buckets_.reserve(sizes.size() << bucket_bits_);
  for (std::size_t t = 0; t < sizes.size(); ++t) {
    if (sizes[t] < smallest || static_cast<std::size_t>(sizes[t]) > kMaxAlphabet - (escape ? 0 : 1)) {
      throw TableError(in_table(t, "its alphabet must have 1 to 4096 values"));
    }
    const auto size = static_cast<std::uint32_t>(sizes[t]);
    if (size > freqs.size() - entries_.size()) throw TableError("freqs is shorter than the sizes say");
    if (shifts[t] > 15) throw TableError(in_table(t, "its shift is above 15"));
    const std::uint32_t regular = size - (escape ? 1 : 0);
    const Row row{offsets[t], shifts[t] == 0 ? regular : 0, static_cast<std::uint32_t>(entries_.size()),
                  static_cast<std::uint16_t>(regular), shifts[t]};
    check_range(t, row);

    std::uint32_t start = 0;
    std::uint32_t bucket = 0;
    for (std::uint32_t e = 0; e < size; ++e) {
      const std::uint32_t freq = freqs[row.base + e];
      if (freq == 0 || freq > total - start) {
        throw TableError(in_table(t, "frequencies must be positive and sum to 2^bits"));
      }
      const bool special = row.shift > 0 || e >= row.regular;
      entries_.push_back({static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(freq),
                          static_cast<std::int16_t>(row.offset + static_cast<std::int32_t>(e)),
                          static_cast<std::uint16_t>(special)});
      start += freq;
      for (; (bucket << (bits - bucket_bits_)) < start; ++bucket) buckets_.push_back(row.base + e);
    }
    if (start != total) throw TableError(in_table(t, "frequencies must be positive and sum to 2^bits"));
    rows_.push_back(row);
  }
  if (entries_.size() != freqs.size()) throw TableError("freqs is longer than the sizes say");

  if (bits <= 14) {
    encode_.reserve(entries_.size());
    for (const Entry& entry : entries_) {
      const std::uint32_t freq = entry.freq();
      const std::uint64_t reciprocal = ((std::uint64_t{1} << (32 + bits)) + freq - 1) / freq;
      encode_.push_back({reciprocal, static_cast<std::uint32_t>((std::uint64_t{freq} << (32 - bits)) - 1), entry.start,
                         static_cast<std::uint16_t>(total - freq)});
    }
  }
}

Tables::~Tables() = default;

const SlotTable* Tables::slot_table() const {
  std::call_once(slot_table_once_, [this] {
    if (SlotTable::suits(*this)) slot_table_ = std::make_unique<const SlotTable>(*this);
  });
  return slot_table_.get();
}

template <class Index>
double Tables::cost(std::span<const std::int16_t> symbols, std::span<const Index> index) const {
  double total = 0.0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (index[i] >= count()) throw std::invalid_argument("a table index is out of range");
    const Row& row = rows_[index[i]];
    const std::int32_t value = symbols[i] >> row.shift;
    auto entry = static_cast<std::uint32_t>(value - row.offset);
    if (entry >= row.regular) {
      if (!escape_) throw std::invalid_argument("a symbol is outside its table, which has no escape");
      entry = row.regular;
      total += 2.0 * (std::bit_width(escape_excess(value, row) + 1) - 1) + 1.0;
    }
    total += bits_ - std::log2(entries_[row.base + entry].freq()) + row.shift;
  }
  return total;
}

template double Tables::cost(std::span<const std::int16_t>, std::span<const std::uint8_t>) const;
template double Tables::cost(std::span<const std::int16_t>, std::span<const std::uint16_t>) const;

}  // namespace kodek
