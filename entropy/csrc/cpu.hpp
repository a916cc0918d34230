// What this processor can do, asked at run time.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define KODEK_X86 1
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define KODEK_TARGET(features)
#else
#include <immintrin.h>
#define KODEK_TARGET(features) __attribute__((target(features)))
#endif
#elif defined(__aarch64__) && defined(__linux__)
#define KODEK_ARM_LINUX 1
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#define KODEK_ARM_APPLE 1
#endif

namespace kodek {

#if defined(KODEK_X86)

#if defined(_MSC_VER) && !defined(__clang__)
inline bool cpu_has_sse42() {
  int registers[4];
  __cpuid(registers, 1);
  return (registers[2] >> 20 & 1) != 0;
}
inline bool cpu_has_avx2() {
  int registers[4];
  __cpuid(registers, 1);
  const bool saves_ymm = (registers[2] >> 27 & 1) != 0 && (_xgetbv(0) & 6) == 6;
  __cpuidex(registers, 7, 0);
  return saves_ymm && (registers[1] >> 5 & 1) != 0;
}
#else
inline bool cpu_has_sse42() { return __builtin_cpu_supports("sse4.2") != 0; }
inline bool cpu_has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#endif

#else

inline bool cpu_has_avx2() { return false; }

#endif

}  // namespace kodek
