// Growing storage without zero fill: the coder writes every byte before it reads it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace kodek {

template <class T>
class Buffer {
 public:
  std::size_t size() const { return size_; }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

  // Appends room for n values and returns where they start.
  T* extend(std::size_t n) {
    if (size_ + n > capacity_) grow(size_ + n);
    T* place = data_.get() + size_;
    size_ += n;
    return place;
  }
  void shrink(std::size_t size) { size_ = size; }

 private:
  void grow(std::size_t needed) {
    const std::size_t capacity = std::max(needed, capacity_ * 2);
    auto bigger = std::make_unique_for_overwrite<T[]>(capacity);
    if (size_ != 0) std::memcpy(bigger.get(), data_.get(), size_ * sizeof(T));
    data_ = std::move(bigger);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

// Units written from the end towards the front, because rANS encodes in reverse.
template <class T>
class ReverseBuffer {
 public:
  std::size_t size() const { return static_cast<std::size_t>(end() - cursor_); }
  const T* data() const { return cursor_; }

  // Makes room for n more units in front of the cursor, which the caller then moves down.
  T*& reserve(std::size_t n) {
    if (static_cast<std::size_t>(cursor_ - data_.get()) < n) grow(n);
    return cursor_;
  }

 private:
  T* end() const { return data_.get() + capacity_; }

  void grow(std::size_t n) {
    const std::size_t used = size();
    const std::size_t capacity = std::max(used + n, capacity_ * 2);
    auto bigger = std::make_unique_for_overwrite<T[]>(capacity);
    T* cursor = bigger.get() + capacity - used;
    if (used != 0) std::memcpy(cursor, cursor_, used * sizeof(T));
    data_ = std::move(bigger);
    capacity_ = capacity;
    cursor_ = cursor;
  }

  std::unique_ptr<T[]> data_;
  std::size_t capacity_ = 0;
  T* cursor_ = nullptr;
};

}  // namespace kodek
