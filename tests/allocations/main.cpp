// SPDX-License-Identifier: MIT
// Counts the allocations of a training step: there must be none.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <frostline/frostline.hpp>

namespace {
std::atomic<long> allocations{0};
}

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* data, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* data, std::size_t size) {
  ++allocations;
  return __libc_realloc(data, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** data, std::size_t alignment, std::size_t size) {
  ++allocations;
  *data = __libc_memalign(alignment, size);
  return *data ? 0 : 12;
}
}

namespace fl = frostline;

// operator new calls malloc, so it is counted there; the control below shows that.
template <class Model>
long count_in_steps(const char* name) {
  using Net = fl::Network<Model, fl::Input<3, 64, 64>>;
  Net network{fl::max_batch(4)};
  fl::Trainer trainer{network, fl::CrossEntropy{},
                      fl::Sgd{.learning_rate = 1e-3f, .momentum = 0.9f}};
  const std::vector<float> images(4 * Net::input_shape.size(), 0.5f);
  const std::vector<int> labels(4 * Net::output_shape.pixels(), 1);
  trainer.step(images, labels);  // OpenMP starts its threads, weights are packed
  const long before = allocations;
  for (int step = 0; step < 3; ++step) trainer.step(images, labels);
  const long counted = allocations - before;
  std::printf("%-28s %ld allocations in 3 training steps\n", name, counted);
  return counted;
}

int main() {
  const long before = allocations;
  char* volatile made = new char[100];  // volatile, so that it is not optimised away
  delete[] made;
  void* volatile taken = std::malloc(100);
  std::free(taken);
  const long control = allocations - before;
  std::printf("%-28s %ld allocations by one new and one malloc\n", "control", control);

  using Pretrained = fl::ResNet18<16, fl::ClassifierHead<128, 10>>;
  using HeadOnly = fl::ReplaceHead<fl::Freeze<Pretrained>, fl::ClassifierHead<128, 10>>;
  const long counted =
      count_in_steps<HeadOnly>("head only") +
      count_in_steps<fl::Unfreeze<HeadOnly, "layer4", "fc">>("layer4 and head") +
      count_in_steps<Pretrained>("everything") +
      count_in_steps<fl::ReplaceHead<fl::Freeze<Pretrained>, fl::FcnHead<128, 5>>>("dense head");
  return control >= 2 && counted == 0 ? 0 : 1;
}
