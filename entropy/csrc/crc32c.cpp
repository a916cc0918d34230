#include "crc32c.hpp"

#include <array>
#include <cstring>

#include "cpu.hpp"

#if defined(KODEK_ARM_LINUX) || defined(KODEK_ARM_APPLE)
#include <arm_acle.h>
#endif

namespace kodek {
namespace {

using SlicingTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr SlicingTables make_tables() {
  SlicingTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t previous = tables[t - 1][byte];
      tables[t][byte] = previous >> 8 ^ tables[0][previous & 255];
    }
  }
  return tables;
}

constexpr SlicingTables kTables = make_tables();

std::uint64_t load64(const std::uint8_t* data) {
  std::uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

#if defined(KODEK_X86)
#if defined(__clang__)
#define KODEK_CRC_TARGET KODEK_TARGET("crc32")
#else
#define KODEK_CRC_TARGET KODEK_TARGET("sse4.2")
#endif
bool has_crc_instructions() { return cpu_has_sse42(); }
KODEK_CRC_TARGET std::uint32_t step64(std::uint32_t crc, std::uint64_t word) {
  return static_cast<std::uint32_t>(_mm_crc32_u64(crc, word));
}
KODEK_CRC_TARGET std::uint32_t step8(std::uint32_t crc, std::uint8_t byte) { return _mm_crc32_u8(crc, byte); }
#elif defined(KODEK_ARM_LINUX) || defined(KODEK_ARM_APPLE)
#if defined(__clang__)
#define KODEK_CRC_TARGET __attribute__((target("crc")))
#else
#define KODEK_CRC_TARGET __attribute__((target("+crc")))
#endif
#if defined(KODEK_ARM_LINUX)
bool has_crc_instructions() { return (getauxval(AT_HWCAP) >> 7 & 1) != 0; }  // HWCAP_CRC32
#else
bool has_crc_instructions() { return true; }
#endif
KODEK_CRC_TARGET std::uint32_t step64(std::uint32_t crc, std::uint64_t word) { return __crc32cd(crc, word); }
KODEK_CRC_TARGET std::uint32_t step8(std::uint32_t crc, std::uint8_t byte) { return __crc32cb(crc, byte); }
#endif

#if defined(KODEK_CRC_TARGET)
KODEK_CRC_TARGET std::uint32_t crc32c_instructions(const std::uint8_t* data, std::size_t size, std::uint32_t crc) {
  for (; size >= 8; size -= 8, data += 8) crc = step64(crc, load64(data));
  for (; size != 0; --size, ++data) crc = step8(crc, *data);
  return crc;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(const std::uint8_t* data, std::size_t size, std::uint32_t value) {
  std::uint32_t crc = ~value;
  for (; size >= 8; size -= 8, data += 8) {
    const std::uint64_t word = load64(data) ^ crc;
    crc = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) crc ^= kTables[7 - byte][word >> (8 * byte) & 255];
  }
  for (; size != 0; --size, ++data) crc = crc >> 8 ^ kTables[0][(crc ^ *data) & 255];
  return ~crc;
}

std::uint32_t crc32c(const std::uint8_t* data, std::size_t size, std::uint32_t value) {
#if defined(KODEK_CRC_TARGET)
  static const bool fast = has_crc_instructions();
  if (fast) return ~crc32c_instructions(data, size, ~value);
#endif
  return crc32c_portable(data, size, value);
}

}  // namespace kodek
