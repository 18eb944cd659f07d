// Which steps of a batch are real: lengths and resets made into what the loops walk along.
#pragma once

#include <vector>

#include "layer.h"

namespace clew {

// Owns what its `Schedule` points to, so that the tensors it was made of may change afterwards.
class Sequences {
 public:
  // `lengths` (B,) from 0 to T, null where all are T; `reset` (T, B), null where nothing is reset.
  // std::invalid_argument says which length or size is out of range.
  Sequences(std::ptrdiff_t steps, std::ptrdiff_t batch, const std::int64_t* lengths,
            const std::uint8_t* reset);
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  const Schedule& schedule() const { return schedule_; }

 private:
  void sort(const std::int64_t* lengths);
  void copy_resets(const std::uint8_t* reset, const std::int64_t* lengths);

  Schedule schedule_;
  std::vector<std::int32_t> order_;
  std::vector<std::int64_t> length_;
  std::vector<std::ptrdiff_t> begin_;
  std::vector<std::uint8_t> reset_;
};

}  // namespace clew
