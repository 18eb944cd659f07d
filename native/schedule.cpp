#include "schedule.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace clew {

Sequences::Sequences(std::ptrdiff_t steps, std::ptrdiff_t batch, const std::int64_t* lengths,
                     const std::uint8_t* reset)
    : schedule_{steps, batch, batch > 0 ? steps : 0, 0, nullptr, nullptr, nullptr, nullptr} {
  if (steps < 0 || batch < 0) throw std::invalid_argument("a negative number of steps or sequences");
  if (batch > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("more than 2147483647 sequences in a batch");
  if (batch > 0 && steps > std::numeric_limits<std::ptrdiff_t>::max() / batch)
    throw std::invalid_argument("more steps than can be counted");
  schedule_.total = steps * batch;
  if (lengths) sort(lengths);
  if (reset) copy_resets(reset, lengths);
}

void Sequences::sort(const std::int64_t* lengths) {
  const std::ptrdiff_t steps = schedule_.steps, batch = schedule_.batch;
  bool whole = true, sorted = true;
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    if (lengths[b] < 0 || lengths[b] > steps)
      throw std::invalid_argument("a length of " + std::to_string(lengths[b]) + " in a batch of " +
                                  std::to_string(steps) +
                                  " steps\n  expected: whole numbers from 0 to " +
                                  std::to_string(steps));
    whole = whole && lengths[b] == steps;
    sorted = sorted && (b == 0 || lengths[b] <= lengths[b - 1]);
  }
  if (whole) return;

  length_.assign(lengths, lengths + batch);
  if (!sorted) {  // stable, so that equal lengths keep their places
    order_.resize(static_cast<std::size_t>(batch));
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) {
      return lengths[a] > lengths[b];
    });
    std::transform(order_.begin(), order_.end(), length_.begin(),
                   [&](std::int32_t b) { return lengths[b]; });
    schedule_.order = order_.data();
  }
  schedule_.length = length_.data();
  schedule_.longest = length_.front();
  begin_.reserve(static_cast<std::size_t>(schedule_.longest) + 1);
  begin_.push_back(0);
  std::ptrdiff_t active = batch;
  for (std::ptrdiff_t t = 0; t < schedule_.longest; ++t) {
    while (length_[static_cast<std::size_t>(active) - 1] <= t) --active;
    begin_.push_back(begin_.back() + active);
  }
  schedule_.begin = begin_.data();
  schedule_.total = begin_.back();
}

// A reset beyond the length of its sequence does nothing, as everything in padding.
void Sequences::copy_resets(const std::uint8_t* reset, const std::int64_t* lengths) {
  const std::ptrdiff_t steps = schedule_.steps, batch = schedule_.batch;
  reset_.resize(static_cast<std::size_t>(steps * batch));
  bool ever = false;
  for (std::ptrdiff_t t = 0; t < steps; ++t)
    for (std::ptrdiff_t b = 0; b < batch; ++b) {
      const bool forget = reset[t * batch + b] != 0 && !(lengths && t >= lengths[b]);
      reset_[static_cast<std::size_t>(t * batch + b)] = forget;
      ever = ever || forget;
    }
  if (ever) schedule_.reset = reset_.data();
}

}  // namespace clew
