// Which of the targets this processor can run, and which of them is used.
#include <cstdlib>
#include <stdexcept>

#include "kernels.h"

namespace clew {
namespace {

// The widest first. __builtin_cpu_supports asks the operating system too.
std::vector<const Kernels*> supported() {
  std::vector<const Kernels*> found;
#ifdef CLEW_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma"))
    found.push_back(&avx512_kernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back(&avx2_kernels);
#endif
  found.push_back(&portable_kernels);
  return found;
}

const Kernels& named(const std::string& name, const std::string& where) {
  std::string have;
  for (const Kernels* kernels : supported()) {
    if (name == kernels->target) return *kernels;
    have += (have.empty() ? "" : ", ") + std::string(kernels->target);
  }
  const bool known = name == "avx512" || name == "avx2" || name == "portable";
  throw std::invalid_argument(where + " asks for '" + name + "', which " +
                              (known ? "this processor cannot run" : "is no target") +
                              "\n  expected: one of " + have);
}

}  // namespace

std::vector<std::string> supported_targets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : supported()) names.emplace_back(kernels->target);
  return names;
}

const Kernels& choose(const std::string& name) {
  if (!name.empty()) return named(name, "target");
  const char* wish = std::getenv("CLEW_SIMD");
  if (wish && *wish) return named(wish, "the environment variable CLEW_SIMD");
  static const Kernels& widest = *supported().front();
  return widest;
}

}  // namespace clew
