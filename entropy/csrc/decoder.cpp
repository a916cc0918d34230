#include "decoder.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "avx2.hpp"
#include "cpu.hpp"
#include "rans.hpp"

namespace kodek {
namespace {

constexpr std::size_t kWorthSlotTable = std::size_t{1} << 14;  // symbols of a pop, from which SIMD is used

template <class T>
T load(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Reads a canonical varint and drops it from `bytes`.
std::size_t take_varint(std::span<const std::uint8_t>& bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 9 && i < bytes.size(); ++i) {
    value |= std::uint64_t{bytes[i] & 127u} << (7 * i);
    if (bytes[i] >= 128) continue;
    if (i > 0 && bytes[i] == 0) break;
    bytes = bytes.subspan(i + 1);
    return static_cast<std::size_t>(value);
  }
  throw StreamError("the payload does not start with a valid side buffer length");
}

}  // namespace

Decoder::Decoder(std::span<const std::uint8_t> payload, int profile, bool portable)
    : profile_(profile), simd_(!portable && profile == 2 && cpu_has_avx2()) {
  profile_at(profile);
  std::span<const std::uint8_t> rest = payload;
  const std::size_t side_bytes = take_varint(rest);
  if (side_bytes > rest.size()) throw StreamError("the side buffer is longer than the payload");
  data_.reserve(rest.size() + BitReader::kPadding);
  data_.assign(rest.begin(), rest.end());
  data_.resize(rest.size() + BitReader::kPadding);
  const std::size_t coded_bytes = rest.size() - side_bytes;
  end_ = data_.data() + coded_bytes;
  side_ = BitReader(end_, side_bytes);
  if (profile == 0) {
    start_single({data_.data(), coded_bytes});
  } else {
    start_lanes({data_.data(), coded_bytes});
  }
}

// Up to 7 bytes are the state alone; otherwise 4 to 7 state bytes come before the 4-byte units.
void Decoder::start_single(std::span<const std::uint8_t> coded) {
  const std::size_t state_bytes = coded.size() < 8 ? coded.size() : 4 + coded.size() % 4;
  for (std::size_t i = state_bytes; i-- != 0;) single_ = single_ << 8 | coded[i];
  if (state_bytes != 0 && coded[state_bytes - 1] == 0) throw StreamError("the coder state has a leading zero");
  next_ = coded.data() + state_bytes;
  if (single_ < kLow64 && next_ != end_) {
    single_ = single_ << 32 | load<std::uint32_t>(next_);
    next_ += 4;
  }
}

void Decoder::start_lanes(std::span<const std::uint8_t> coded) {
  const std::size_t lanes = lane_count();
  next_ = coded.data();
  lanes_.fill(kLow32);
  if (coded.empty()) return;
  if (coded.size() < 4 * lanes || coded.size() % 2 != 0) throw StreamError("the coder states are cut short");
  for (std::size_t l = 0; l < lanes; ++l, next_ += 4) {
    lanes_[l] = load<std::uint32_t>(next_);
    if (lanes_[l] < kLow32) throw StreamError("a coder state is out of range");
  }
}

void Decoder::check_alive() const {
  if (failed_) throw StreamError("the stream already failed to decode");
}

void Decoder::check_interval_bits(int bits) const {
  if (bits < 1 || bits > kProfiles[profile_].interval_bits) {
    throw std::invalid_argument("bits must be between 1 and the profile's interval bits");
  }
}

// Low bits of the state whose turn it is.
std::uint32_t Decoder::slot(int bits) const {
  const std::uint64_t x = profile_ == 0 ? single_ : lanes_[position_ % lane_count()];
  return static_cast<std::uint32_t>(x) & ((std::uint32_t{1} << bits) - 1);
}

std::uint32_t Decoder::peek(int bits) const {
  check_alive();
  check_interval_bits(bits);
  return slot(bits);
}

void Decoder::advance(std::uint32_t start, std::uint32_t freq, int bits) {
  const std::uint32_t next_slot = peek(bits);
  if (freq > (std::uint32_t{1} << bits) - std::min(start, std::uint32_t{1} << bits) || next_slot - start >= freq) {
    throw std::invalid_argument("the interval does not hold the next slot");
  }
  step({start, freq}, bits);
}

void Decoder::advance_single(const Interval& interval, int bits) {
  single_ = decode_state64(single_, interval, bits);
  if (single_ < kLow64 && next_ != end_) {
    single_ = single_ << 32 | load<std::uint32_t>(next_);
    next_ += 4;
  }
}

void Decoder::advance_lane(std::uint32_t& x, const Interval& interval, int bits) {
  x = decode_state(x, interval, bits);
  if (x >= kLow32) return;
  if (next_ == end_) {
    failed_ = true;
    throw StreamError("the stream ends before the symbols do");
  }
  x = x << 16 | load<std::uint16_t>(next_);
  next_ += 2;
}

void Decoder::step(const Interval& interval, int bits) {
  if (profile_ == 0) {
    advance_single(interval, bits);
  } else {
    advance_lane(lanes_[position_ % lane_count()], interval, bits);
  }
  ++position_;
}

template <class Index>
void Decoder::pop(std::span<const Index> index, const Tables& tables, std::int16_t* symbols) {
  check_alive();
  if (tables.bits() > kProfiles[profile_].table_bits) {
    throw std::invalid_argument("the tables have more bits than the profile allows");
  }
  check_index(index, tables.count());
  failed_ = true;  // until the call succeeds
  if (profile_ == 0) {
    decode_single(index, tables, symbols);
  } else if (profile_ == 1) {
    tables.bits() == 14 ? decode_lanes<4, 14>(index, tables, symbols) : decode_lanes<4, 0>(index, tables, symbols);
  } else {
    tables.bits() == 12 ? decode_lanes<32, 12>(index, tables, symbols) : decode_lanes<32, 0>(index, tables, symbols);
  }
  failed_ = false;
}

template void Decoder::pop(std::span<const std::uint8_t>, const Tables&, std::int16_t*);
template void Decoder::pop(std::span<const std::uint16_t>, const Tables&, std::int16_t*);

template <class Index>
void Decoder::decode_single(std::span<const Index> index, const Tables& tables, std::int16_t* symbols) {
  const std::uint64_t mask = (std::uint64_t{1} << tables.bits()) - 1;
  for (std::size_t i = 0; i < index.size(); ++i) {
    const Entry* entry = tables.find(index[i], static_cast<std::uint32_t>(single_ & mask));
    symbols[i] = entry->value;
    advance_single({entry->start, entry->freq()}, tables.bits());
    if (entry->special) read_side_bits(index, tables, i, i + 1, symbols);
  }
  position_ += index.size();
}

template <int Lanes, int Bits, class Index>
void Decoder::decode_lanes(std::span<const Index> index, const Tables& tables, std::int16_t* symbols) {
  const int bits = Bits != 0 ? Bits : tables.bits();  // constants for the profile's own precision
  const int bucket_bits = Bits != 0 ? 8 : tables.bucket_bits();
  const std::uint32_t mask = (std::uint32_t{1} << bits) - 1;
  const Entry* entries = tables.entries();
  const std::uint32_t* buckets = tables.buckets();

  std::size_t i = 0;
  const auto careful_steps = [&](std::size_t until) {
    for (; i < until; ++i, ++position_) {
      std::uint32_t& x = lanes_[position_ % Lanes];
      const Entry* entry = tables.find(index[i], x & mask);
      symbols[i] = entry->value;
      advance_lane(x, {entry->start, entry->freq()}, bits);
      if (entry->special) read_side_bits(index, tables, i, i + 1, symbols);
    }
  };
  careful_steps(std::min(index.size(), (Lanes - position_ % Lanes) % Lanes));

  if constexpr (Lanes == 32 && Bits == 12) {
    if (simd_ && index.size() - i >= kWorthSlotTable) i += decode_groups_simd(index.subspan(i), tables, symbols + i);
  }
  // Groups of one symbol per lane. The inner loop is left when the side buffer has to be read, which is rare,
  // so that it keeps its state in registers.
  while (i + Lanes <= index.size() && end_ - next_ >= 2 * Lanes) {
    std::array<std::uint32_t, Lanes> x;
    std::copy_n(lanes_.begin(), Lanes, x.begin());
    const std::uint8_t* next = next_;
    const std::size_t before = i;
    unsigned special = 0;
    const auto step = [&](std::uint32_t state, std::size_t at) {
      const std::uint32_t slot = state & mask;
      const std::size_t t = index[at];
      const Entry* entry = entries + buckets[(t << bucket_bits) + (slot >> (bits - bucket_bits))];
      std::uint32_t inside = slot - entry->start;
      while (inside >= entry->short_freq) [[unlikely]]
        inside = slot - (++entry)->start;
      symbols[at] = entry->value;
      special |= entry->special;
      state = entry->short_freq * (state >> bits) + inside;
      if (state < kLow32) {
        state = state << 16 | load<std::uint16_t>(next);
        next += 2;
      }
      return state;
    };
    do {
      for (std::size_t l = 0; l < Lanes; l += 4) {  // unrolled by hand: compilers do not, around the search
        x[l] = step(x[l], i + l);
        x[l + 1] = step(x[l + 1], i + l + 1);
        x[l + 2] = step(x[l + 2], i + l + 2);
        x[l + 3] = step(x[l + 3], i + l + 3);
      }
      i += Lanes;
    } while (special == 0 && i + Lanes <= index.size() && end_ - next >= 2 * Lanes);
    std::copy_n(x.begin(), Lanes, lanes_.begin());
    next_ = next;
    position_ += i - before;
    if (special != 0) read_side_bits(index, tables, i - Lanes, i, symbols);
  }
  careful_steps(index.size());  // a partial group, or close to the end of the units
}

// As many whole groups as SIMD can do; returns how many symbols these are.
template <class Index>
std::size_t Decoder::decode_groups_simd(std::span<const Index> index, const Tables& tables, std::int16_t* symbols) {
  const SlotTable* slot_table = tables.slot_table();
  if (slot_table == nullptr) return 0;
  const std::size_t limit = index.size() / 32;
  std::size_t done = 0;
  while (done < limit) {
    const Groups groups = decode_groups_avx2(index.data() + 32 * done, limit - done, *slot_table, lanes_.data(), next_,
                                             end_, symbols + 32 * done);
    if (groups.count == 0) break;
    done += groups.count;
    if (groups.special == 0) continue;
    const std::size_t first = 32 * (done - 1);
    for (std::size_t lane = 0; lane < 32; ++lane) {
      if ((groups.special >> lane & 1) == 0) continue;
      const std::uint32_t slot = groups.slots[lane] & ((1u << SlotTable::kBits) - 1);
      symbols[first + lane] = tables.find(index[first + lane], slot)->value;
    }
    read_side_bits(index, tables, first, first + 32, symbols);
  }
  position_ += 32 * done;
  return 32 * done;
}

// Completes symbols [from, to) that so far hold only their table's value: escapes, then raw low bits.
template <class Index>
void Decoder::read_side_bits(std::span<const Index> index, const Tables& tables, std::size_t from, std::size_t to,
                             std::int16_t* symbols) {
  for (std::size_t i = from; i < to; ++i) {
    const Row& row = tables.rows()[index[i]];
    const auto entry = static_cast<std::uint16_t>(symbols[i] - row.offset);
    if (entry < row.plain) continue;
    std::int32_t value = row.offset + entry;
    if (entry == row.regular) value = escaped_value(side_.get_exp_golomb(), row);
    value = value * (1 << row.shift) + static_cast<std::int32_t>(side_.get(row.shift));
    if (value < std::numeric_limits<std::int16_t>::min() || value > std::numeric_limits<std::int16_t>::max()) {
      throw StreamError("a symbol leaves the 16-bit range");
    }
    symbols[i] = static_cast<std::int16_t>(value);
  }
}

void Decoder::check_bits(std::size_t count, int bits) const {
  check_alive();
  if (bits < 0 || bits > 32) throw std::invalid_argument("nbits must be 0 to 32");
  if (bits != 0 && count > side_.bits_left() / static_cast<std::size_t>(bits)) {
    throw StreamError("the side buffer ends before the symbols do");
  }
}

void Decoder::pop_bits(std::size_t count, int bits, std::uint32_t* values) {
  check_bits(count, bits);
  for (std::size_t i = 0; i < count; ++i) values[i] = side_.get(static_cast<unsigned>(bits));
}

void Decoder::pop_adaptive(std::size_t count, AdaptiveModel& model, std::span<const std::uint16_t> context,
                           std::int16_t* symbols) {
  check_alive();
  if (!context.empty() && context.size() != count) throw std::invalid_argument("count and context differ");
  for (const std::uint16_t c : context) {
    if (c >= model.contexts()) throw std::invalid_argument("a context is out of range");
  }
  failed_ = true;
  const int bits = kProfiles[profile_].interval_bits;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t c = context.empty() ? 0 : context[i];
    const std::size_t symbol = model.find(c, slot(bits), bits);
    step(model.interval(c, symbol, bits), bits);
    model.update(c, symbol);
    symbols[i] = static_cast<std::int16_t>(symbol);
  }
  failed_ = false;
}

void Decoder::pop_weighted(std::span<const std::uint32_t> weights, std::size_t alphabet, std::size_t count,
                           std::int16_t* symbols) {
  check_alive();
  check_weights(weights, count, alphabet);
  failed_ = true;
  const int bits = kProfiles[profile_].interval_bits;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [symbol, interval] = find_weighted(weights.subspan(i * alphabet, alphabet), slot(bits), bits);
    step(interval, bits);
    symbols[i] = static_cast<std::int16_t>(symbol);
  }
  failed_ = false;
}

void Decoder::finish() {
  check_alive();
  const std::size_t lanes = lane_count();
  const bool home =
      profile_ == 0 ? single_ == 0
                    : std::all_of(lanes_.begin(), lanes_.begin() + lanes, [](std::uint32_t x) { return x == kLow32; });
  if (next_ != end_ || !home || !side_.finished()) {
    throw StreamError("the stream does not end where its symbols do");
  }
}

}  // namespace kodek
