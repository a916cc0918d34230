#include "avx2.hpp"

#include <algorithm>

#include "cpu.hpp"

namespace kodek {

bool SlotTable::suits(const Tables& tables) {
  const auto fits = [&](const Row& row) {
    return row.offset > kSpecial && row.offset + static_cast<std::int32_t>(row.regular) <= 128;
  };
  return tables.bits() == kBits && tables.count() <= 256 &&
         std::all_of(tables.rows(), tables.rows() + tables.count(), fits);
}

SlotTable::SlotTable(const Tables& tables) {
  words_.reserve(tables.count() << kBits);
  for (std::size_t e = 0; e < tables.entry_count(); ++e) {
    const Entry& entry = tables.entries()[e];
    const int value = entry.special ? kSpecial : entry.value;
    const std::uint32_t word = static_cast<std::uint32_t>(value) << 24 | (entry.freq() - 1);
    for (std::uint32_t inside = 0; inside < entry.freq(); ++inside) words_.push_back(word | inside << 12);
  }
}

#if defined(KODEK_X86)

namespace {

// For each set of lanes that take a unit, the number of the unit that each lane takes; a byte per lane.
constexpr std::array<std::uint64_t, 256> make_unit_order() {
  std::array<std::uint64_t, 256> order{};
  for (std::size_t lanes = 0; lanes < 256; ++lanes) {
    std::uint64_t unit = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if (lanes >> lane & 1) order[lanes] |= unit++ << (8 * lane);
    }
  }
  return order;
}

constexpr std::array<std::uint64_t, 256> kUnitOrder = make_unit_order();

KODEK_TARGET("avx2") inline __m256i load_index(const std::uint8_t* index) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(index)));
}

KODEK_TARGET("avx2") inline __m256i load_index(const std::uint16_t* index) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(index)));
}

// Eight scalar loads at indexes taken out in pairs: twice as fast as the gather instruction where tried.
KODEK_TARGET("avx2") inline __m256i gather(const std::uint32_t* words, __m256i at) {
  const __m128i low = _mm256_castsi256_si128(at);
  const __m128i high = _mm256_extracti128_si256(at, 1);
  const auto a = static_cast<std::uint64_t>(_mm_cvtsi128_si64(low));
  const auto b = static_cast<std::uint64_t>(_mm_extract_epi64(low, 1));
  const auto c = static_cast<std::uint64_t>(_mm_cvtsi128_si64(high));
  const auto d = static_cast<std::uint64_t>(_mm_extract_epi64(high, 1));
  const auto word = [=](std::uint64_t i) { return static_cast<int>(words[i]); };
  const std::uint64_t mask = 0xffffffff;
  return _mm256_set_epi32(word(d >> 32), word(d & mask), word(c >> 32), word(c & mask), word(b >> 32), word(b & mask),
                          word(a >> 32), word(a & mask));
}

KODEK_TARGET("avx2") inline __m256i pack16(__m256i low, __m256i high) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
}

template <class Index>
KODEK_TARGET("avx2,popcnt")
Groups decode_groups(const Index* index, std::size_t limit, const SlotTable& table, std::uint32_t* lanes,
                     const std::uint8_t*& next, const std::uint8_t* end, std::int16_t* symbols) {
  const __m256i mask = _mm256_set1_epi32((1 << SlotTable::kBits) - 1);
  const __m256i one = _mm256_set1_epi32(1);
  const __m256i special_value = _mm256_set1_epi16(SlotTable::kSpecial);
  const std::uint32_t* words = table.words();
  const std::uint8_t* units = next;
  Groups groups;
  __m256i x[4];
  for (int v = 0; v < 4; ++v) x[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes + 8 * v));

  while (groups.count < limit && groups.special == 0 && end - units >= 64) {
    __m256i values[4];
    for (int v = 0; v < 4; ++v) {
      const __m256i row = _mm256_slli_epi32(load_index(index + 8 * v), SlotTable::kBits);
      const __m256i at = _mm256_or_si256(row, _mm256_and_si256(x[v], mask));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(groups.slots.data() + 8 * v), at);
      const __m256i word = gather(words, at);
      values[v] = _mm256_srai_epi32(word, 24);
      const __m256i freq = _mm256_add_epi32(_mm256_and_si256(word, mask), one);
      const __m256i inside = _mm256_and_si256(_mm256_srli_epi32(word, SlotTable::kBits), mask);
      const __m256i high = _mm256_srli_epi32(x[v], SlotTable::kBits);
      const __m256i state = _mm256_add_epi32(_mm256_mullo_epi32(freq, high), inside);

      const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
      const auto taking = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(low)));
      const __m256i order =
          _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kUnitOrder[taking])));
      const __m256i unit = _mm256_permutevar8x32_epi32(
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(units))), order);
      x[v] = _mm256_blendv_epi8(state, _mm256_or_si256(_mm256_slli_epi32(state, 16), unit), low);
      units += 2 * _mm_popcnt_u32(taking);
    }
    const __m256i first = pack16(values[0], values[1]);
    const __m256i second = pack16(values[2], values[3]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols), first);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols + 16), second);
    const __m256i special =
        _mm256_packs_epi16(_mm256_cmpeq_epi16(first, special_value), _mm256_cmpeq_epi16(second, special_value));
    groups.special = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(special, 0xd8)));
    ++groups.count;
    index += 32;
    symbols += 32;
  }
  for (int v = 0; v < 4; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + 8 * v), x[v]);
  next = units;
  return groups;
}

}  // namespace

Groups decode_groups_avx2(const std::uint8_t* index, std::size_t limit, const SlotTable& table, std::uint32_t* lanes,
                          const std::uint8_t*& next, const std::uint8_t* end, std::int16_t* symbols) {
  return decode_groups(index, limit, table, lanes, next, end, symbols);
}

Groups decode_groups_avx2(const std::uint16_t* index, std::size_t limit, const SlotTable& table, std::uint32_t* lanes,
                          const std::uint8_t*& next, const std::uint8_t* end, std::int16_t* symbols) {
  return decode_groups(index, limit, table, lanes, next, end, symbols);
}

#else  // no group: the portable loop does them all

Groups decode_groups_avx2(const std::uint8_t*, std::size_t, const SlotTable&, std::uint32_t*, const std::uint8_t*&,
                          const std::uint8_t*, std::int16_t*) {
  return {};
}

Groups decode_groups_avx2(const std::uint16_t*, std::size_t, const SlotTable&, std::uint32_t*, const std::uint8_t*&,
                          const std::uint8_t*, std::int16_t*) {
  return {};
}

#endif

}  // namespace kodek
