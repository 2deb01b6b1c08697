// SPDX-License-Identifier: MIT
// plan_memory: lifetimes over the schedule, and an offset in the arena for each value.
#pragma once

#include "frostline/graph/schedule.hpp"

namespace frostline::detail {

/// Units: bytes. All sizes in the arena are multiples of a cache line.
constexpr std::size_t whole_lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// A value's bytes (per sample, or in all), its lifetime as steps of the schedule, and its place.
struct Slot {
  std::size_t bytes = 0;
  std::size_t offset = 0;
  int first = no_node, last = no_node;
  bool placed = false;
  bool per_thread = false;  // used only where images run one by one
  int inside = no_node;     // the node whose value contains this one ...
  std::size_t inner = 0;    // ... from this float on
  constexpr bool used() const { return first != no_node && bytes > 0; }
  constexpr void touch(int step) {
    if (first == no_node) first = step;
    last = step;
  }
};

/// One region of the arena, in which slots whose lifetimes overlap never share bytes.
struct ArenaRegion {
  std::size_t bytes = 0;
  std::size_t saved = 0;  // bytes in use when the forward ends
};

/// The places of a network's values. `per_sample` offsets are multiplied by max_batch at run time;
/// `per_thread` holds one sample of the values that are used only while images run one by one.
/// The network's input is the caller's memory and has no slot.
template <int Size>
struct Plan {
  Slot activations[Size]{}, gradients[Size]{}, saved[Size]{};  // per sample
  Slot saved_fixed[Size]{};                                    // of the whole batch
  ArenaRegion per_sample{}, fixed{}, per_thread{};
};

/// First-fit placement of slots, which begin and end in the order of the steps.
template <int Capacity>
struct Placer {
  Slot* live[Capacity]{};  // by offset
  int count = 0;
  ArenaRegion region{};
  constexpr void begin(Slot& slot, int step) {
    if (slot.first != step || slot.bytes == 0 || slot.placed) return;
    std::size_t offset = 0;
    int at = 0;
    while (at < count && live[at]->offset < offset + slot.bytes) {
      offset = live[at]->offset + live[at]->bytes;
      ++at;
    }
    slot.offset = offset;
    slot.placed = true;
    for (int i = count++; i > at; --i) live[i] = live[i - 1];
    live[at] = &slot;
    if (offset + slot.bytes > region.bytes) region.bytes = offset + slot.bytes;
  }
  constexpr void end(Slot& slot, int step) {
    if (slot.last != step || slot.bytes == 0) return;
    int at = 0;
    while (at < count && live[at] != &slot) ++at;
    if (at == count) return;
    --count;
    for (int i = at; i < count; ++i) live[i] = live[i + 1];
  }
  constexpr void forward_ends() {
    for (int i = 0; i < count; ++i) region.saved += live[i]->bytes;
  }
};

/// The slot that has the bytes of a node's value.
constexpr Slot& holder(Slot* slots, int node) {
  while (slots[node].inside != no_node) node = slots[node].inside;
  return slots[node];
}

/// Calls visit(slot, is_fixed) for each slot of the plan that a step reads or writes.
template <int Size, class Visit>
constexpr void for_each_slot(const Graph<Size>& graph, Plan<Size>& plan, Step step, Visit visit) {
  const Node& node = graph[step.node];
  const bool saves = node.backward_reads().saved;
  const auto saved = [&] {
    visit(plan.saved[step.node], false);
    visit(plan.saved_fixed[step.node], true);
  };
  switch (step.pass) {
    case Pass::forward:
      for (int k = 0; k < node.input_count; ++k)
        visit(holder(plan.activations, node.inputs[k]), false);
      if (node.added != no_node) visit(holder(plan.activations, node.added), false);
      visit(holder(plan.activations, node.output), false);
      if (saves) saved();
      return;
    case Pass::loss:  // all outputs are in use from the first loss to the last
      for (int k = 0; k < graph.output_count; ++k) {
        const int output = graph.outputs[k].node;
        visit(holder(plan.activations, output), false);
        if (graph[output].has_gradient) visit(holder(plan.gradients, output), false);
      }
      return;
    case Pass::parameter_gradient:
    case Pass::input_gradient: break;
  }
  const bool of_input = step.pass == Pass::input_gradient;
  const Reads reads = node.reads(step.pass);
  visit(holder(plan.gradients, step.node), false);
  if (reads.output) visit(holder(plan.activations, step.node), false);
  if (reads.saved) saved();
  for (int k = 0; k < node.input_count; ++k) {
    if (reads.input) visit(holder(plan.activations, node.inputs[k]), false);
    if (of_input && node.input_gradient[k]) visit(holder(plan.gradients, node.inputs[k]), false);
  }
}

/// All nodes that write a Concat's value write that of the last of them.
template <int Size>
constexpr void share_joined_values(const Graph<Size>& graph, Plan<Size>& plan) {
  for (int i = 1; i < Size; ++i) {
    if (graph[i].kind != Kind::concat || graph[i].input_count < 2) continue;
    const int earlier = graph[i].inputs[1];
    plan.activations[earlier].inside = plan.gradients[earlier].inside = i;
    plan.activations[earlier].bytes = plan.gradients[earlier].bytes = 0;
  }
}

/// Whether a branch's value is a part of its Concat's value, so that it is not copied.
template <int Size>
constexpr bool is_in_place(const Graph<Size>& graph, const Plan<Size>& plan, int copy) {
  return plan.activations[graph[copy].inputs[0]].inside == copy;
}

/// Where images run one by one, a branch that fills whole blocks of its Concat is written there
/// directly. (In a batch, a branch's images are closer together than the joined value's, and
/// kernels know only one distance.) A value is a part of one other at most. Returns whether there
/// is any.
template <int Size>
constexpr bool place_branches(const Graph<Size>& graph, const Schedule<Size>& schedule,
                              Plan<Size>& plan) {
  bool any = false;
  for (int s = 0; s < schedule.per_image_steps; ++s) {
    const int copy = schedule[s].node, branch = graph[copy].inputs[0];
    if (graph[copy].kind != Kind::concat || !graph[copy].whole_blocks || branch == 0) continue;
    Slot& slot = plan.activations[branch];
    if (slot.inside != no_node || slot.last >= schedule.per_image_steps) continue;
    slot.inside = copy;
    slot.inner = graph[copy].first_float;
    slot.bytes = 0;
    any = true;
  }
  return any;
}

template <int Size>
constexpr Plan<Size> plan_memory(const Graph<Size>& graph, const Schedule<Size>& schedule) {
  Plan<Size> plan{};
  for (int i = 1; i < Size; ++i) {
    plan.activations[i].bytes = whole_lines(graph[i].floats * sizeof(float));
    plan.gradients[i].bytes = plan.activations[i].bytes;
    plan.saved[i].bytes = whole_lines(graph[i].saved.per_sample);
    plan.saved_fixed[i].bytes = whole_lines(graph[i].saved.fixed);
  }
  share_joined_values(graph, plan);
  const auto find_lives = [&] {
    for (Slot& slot : plan.activations) slot.first = slot.last = no_node;
    for (int s = 0; s < schedule.size; ++s)
      for_each_slot(graph, plan, schedule[s], [&](Slot& slot, bool) { slot.touch(s); });
  };
  find_lives();
  if (place_branches(graph, schedule, plan)) find_lives();

  for (Slot& slot : plan.activations)
    slot.per_thread = slot.used() && slot.last < schedule.per_image_steps;

  Placer<3 * Size> per_sample{};
  Placer<Size> fixed{}, per_thread{};
  for (int s = 0; s < schedule.size; ++s) {
    for_each_slot(graph, plan, schedule[s], [&](Slot& slot, bool is_fixed) {
      if (is_fixed)
        fixed.begin(slot, s);
      else
        slot.per_thread ? per_thread.begin(slot, s) : per_sample.begin(slot, s);
    });
    if (s == schedule.backward - 1) {
      per_sample.forward_ends();
      fixed.forward_ends();
    }
    for_each_slot(graph, plan, schedule[s], [&](Slot& slot, bool is_fixed) {
      if (is_fixed)
        fixed.end(slot, s);
      else
        slot.per_thread ? per_thread.end(slot, s) : per_sample.end(slot, s);
    });
  }
  plan.per_sample = per_sample.region;
  plan.fixed = fixed.region;
  plan.per_thread = per_thread.region;
  return plan;
}

/// The values that the forward must save for a node's backward. Units: bytes per sample; a value
/// that several backwards read counts for the first of them.
template <int Size>
constexpr std::size_t saved_bytes(const Graph<Size>& graph, const Plan<Size>& plan, int i) {
  const Reads reads = graph[i].backward_reads();
  std::size_t bytes = 0;
  if (reads.saved) bytes += plan.saved[i].bytes;
  if (reads.output) bytes += plan.activations[i].bytes;
  for (int k = 0; reads.input && k < graph[i].input_count; ++k) {
    const int input = graph[i].inputs[k];
    bool counted = graph[input].backward_reads().output;
    for (int j = input + 1; j < i && !counted; ++j)
      for (int n = 0; n < graph[j].input_count; ++n)
        counted = counted || (graph[j].inputs[n] == input && graph[j].backward_reads().input);
    if (!counted) bytes += plan.activations[input].bytes;
  }
  return bytes;
}

}  // namespace frostline::detail
