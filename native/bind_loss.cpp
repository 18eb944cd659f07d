// Bindings of the loss: sizes and addresses of tensors in, checked in order, as in bind_layer.cpp.
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bind.h"
#include "kernels.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Address = std::uintptr_t;

template <class T>
T* pointer(Address address, const char* name, bool needed) {
  if (address == 0 && needed) throw std::invalid_argument(std::string(name) + " is missing");
  if (address % alignof(T) != 0) throw std::invalid_argument(std::string(name) + " is not aligned");
  return reinterpret_cast<T*>(address);
}

// How many targets count; each has to be a word or `ignore`.
std::ptrdiff_t counted(const std::int64_t* targets, std::ptrdiff_t N, std::ptrdiff_t V,
                       std::int64_t ignore) {
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t n = 0; n < N; ++n) {
    if (targets[n] == ignore) continue;
    if (targets[n] < 0 || targets[n] >= V)
      throw std::invalid_argument("a target of " + std::to_string(targets[n]) +
                                  " among scores of " + std::to_string(V) +
                                  "\n  expected: whole numbers from 0 to " +
                                  std::to_string(V - 1) + ", or " + std::to_string(ignore));
    ++count;
  }
  return count;
}

// The sum of the losses (or their mean, and the gradients of the mean) and how many rows count.
template <class T>
std::pair<double, std::ptrdiff_t> cross_entropy(
    std::ptrdiff_t N, std::ptrdiff_t H, std::ptrdiff_t V, Address hidden, Address weight,
    Address bias, Address targets, std::int64_t ignore, double smoothing, bool mean,
    Address row_scale, Address losses, Address d_hidden, Address d_weight, Address d_bias,
    int threads) {
  if (N < 1 || H < 1 || V < 1) throw std::invalid_argument("nothing to compute a loss of");
  clew::CrossEntropy<T> job{};
  job.N = N;
  job.H = H;
  job.V = V;
  job.hidden = pointer<const T>(hidden, "hidden", true);
  job.weight = pointer<const T>(weight, "weight", true);
  job.bias = pointer<const T>(bias, "bias", false);
  job.targets = pointer<const std::int64_t>(targets, "targets", true);
  job.ignore = ignore;
  job.smoothing = static_cast<T>(smoothing);
  job.row_scale = pointer<const T>(row_scale, "the scale of the rows", false);
  job.losses = pointer<T>(losses, "losses", true);
  job.d_hidden = pointer<T>(d_hidden, "the gradient of hidden", false);
  job.d_weight = pointer<T>(d_weight, "the gradient of weight", false);
  job.d_bias = pointer<T>(d_bias, "the gradient of bias", false);
  const clew::Kernels& kernels = clew::choose();
  const nb::gil_scoped_release unlocked;
  const std::ptrdiff_t count = counted(job.targets, N, V, ignore);
  job.scale = mean ? T(1) / static_cast<T>(count) : T(1);
  if (!kernels.losses(T()).cross_entropy(job, threads)) throw std::bad_alloc();
  double sum = 0;
  for (std::ptrdiff_t n = 0; n < N; ++n) sum += job.losses[n];
  return {mean ? sum / static_cast<double>(count) : sum, count};
}

}  // namespace

void bind_losses(nb::module_& module) {
  module.def(
      "cross_entropy",
      [](bool is_double, std::ptrdiff_t N, std::ptrdiff_t H, std::ptrdiff_t V, Address hidden,
         Address weight, Address bias, Address targets, std::int64_t ignore, double smoothing,
         bool mean, Address row_scale, Address losses, Address d_hidden, Address d_weight,
         Address d_bias, int threads) {
        return (is_double ? cross_entropy<double> : cross_entropy<float>)(
            N, H, V, hidden, weight, bias, targets, ignore, smoothing, mean, row_scale, losses,
            d_hidden, d_weight, d_bias, threads);
      },
      "is_double"_a, "N"_a, "H"_a, "V"_a, "hidden"_a, "weight"_a, "bias"_a, "targets"_a,
      "ignore"_a, "smoothing"_a, "mean"_a, "row_scale"_a, "losses"_a, "d_hidden"_a, "d_weight"_a,
      "d_bias"_a, "threads"_a);
}
