// CRC-32C (Castagnoli), as in RFC 3720: reflected polynomial 0x82f63b78, initial value and final xor all
// ones.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kodek {

// Continues from `value`, the CRC of the bytes before (0 at the start).
std::uint32_t crc32c(const std::uint8_t* data, std::size_t size, std::uint32_t value);
std::uint32_t crc32c_portable(const std::uint8_t* data, std::size_t size, std::uint32_t value);

}  // namespace kodek
