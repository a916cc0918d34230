// The side buffer: raw bits, least significant first, and the Exp-Golomb code of escapes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "errors.hpp"

namespace kodek {

static_assert(std::endian::native == std::endian::little, "payloads are read and written as little endian");

class BitWriter {
 public:
  // 0 <= count <= 32; bits of value above count must be zero.
  void put(std::uint32_t value, unsigned count) {
    pending_ |= std::uint64_t{value} << fill_;
    fill_ += count;
    while (fill_ >= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(pending_));
      pending_ >>= 8;
      fill_ -= 8;
    }
  }

  // Exp-Golomb of order 0: v = value + 1 as n - 1 zeros, a one, then the n - 1 low bits of v.
  void put_exp_golomb(std::uint32_t value) {
    const std::uint32_t v = value + 1;
    const unsigned low = static_cast<unsigned>(std::bit_width(v)) - 1;
    put(std::uint32_t{1} << low, low + 1);
    put(v - (std::uint32_t{1} << low), low);
  }

  // All bytes, the last one padded with zero bits.
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> all = bytes_;
    if (fill_ != 0) all.push_back(static_cast<std::uint8_t>(pending_));
    return all;
  }

  struct Mark {
    std::size_t size;
    std::uint64_t pending;
    unsigned fill;
  };
  Mark mark() const { return {bytes_.size(), pending_, fill_}; }
  void rewind(const Mark& mark) {
    bytes_.resize(mark.size);
    pending_ = mark.pending;
    fill_ = mark.fill;
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::uint64_t pending_ = 0;
  unsigned fill_ = 0;
};

class BitReader {
 public:
  static constexpr std::size_t kPadding = 8;  // readable bytes that must follow the data

  BitReader() = default;
  BitReader(const std::uint8_t* data, std::size_t bytes) : data_(data), bits_(bytes * 8) {}

  std::size_t bits_left() const { return bits_ - position_; }

  std::uint32_t get(unsigned count) {
    if (count > bits_left()) throw StreamError("the side buffer ends before the symbols do");
    const std::uint64_t value = peek() & ((std::uint64_t{1} << count) - 1);
    position_ += count;
    return static_cast<std::uint32_t>(value);
  }

  // Largest value: 2^18 - 2, above every escape of a 16-bit symbol.
  std::uint32_t get_exp_golomb() {
    const unsigned low = static_cast<unsigned>(std::countr_zero(peek()));
    if (low > 17) throw StreamError("an escape code in the side buffer is too long");
    get(low + 1);
    return (std::uint32_t{1} << low) - 1 + get(low);
  }

  // Everything read, and the padding of the last byte is zero.
  bool finished() const { return bits_left() < 8 && (bits_left() == 0 || peek() << (64 - bits_left()) == 0); }

 private:
  std::uint64_t peek() const {  // at least 57 bits; those behind the end are padding
    std::uint64_t word;
    std::memcpy(&word, data_ + position_ / 8, sizeof word);
    return word >> (position_ % 8);
  }

  const std::uint8_t* data_ = nullptr;
  std::size_t bits_ = 0, position_ = 0;
};

}  // namespace kodek
