// The three stream profiles. A profile is part of the format: see docs/entropy-coder.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace kodek {

struct Profile {
  unsigned lanes;
  int table_bits;     // largest precision of Tables
  int interval_bits;  // largest precision of bare intervals; adaptive models use it
};

inline constexpr Profile kProfiles[] = {{1, 16, 16}, {4, 14, 14}, {32, 12, 14}};
inline constexpr std::size_t kMaxLanes = 32;

// Profile 0: one 64-bit state, 32-bit units. Profiles 1 and 2: 32-bit states, 16-bit units.
inline constexpr std::uint64_t kLow64 = std::uint64_t{1} << 31;
inline constexpr std::uint32_t kLow32 = std::uint32_t{1} << 16;

inline const Profile& profile_at(int id) {
  if (id < 0 || id > 2) throw std::invalid_argument("profile must be 0, 1 or 2");
  return kProfiles[id];
}

}  // namespace kodek
