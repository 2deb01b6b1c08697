// SPDX-License-Identifier: MIT
// fit_logistic_regression: the best linear classifier of cached features, by L-BFGS. A program that
// includes this links libLBFGS and has Eigen (the CMake target frostline::probe).
#pragma once

#include <lbfgs.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frostline/core/error.hpp"
#include "frostline/core/format.hpp"
#include "frostline/data/shuffle.hpp"
#include "frostline/data/stratified_split.hpp"
#include "frostline/train/feature_cache.hpp"
#include "frostline/train/standardization.hpp"

namespace frostline {

struct LogisticRegressionOptions {
  /// The factor of the penalty; nullopt: the one of `candidates` with the least loss on samples
  /// that are held out.
  std::optional<double> regularization = std::nullopt;
  std::vector<double> candidates = {3, 1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3};
  double held_out = 0.2;        // share of each class's samples
  std::uint64_t seed = 0;       // for which samples are held out
  double tolerance = 1e-5;      // of the gradient's length, relative to that of the coefficients
  int iterations = 1000;        // at most
  double without_choice = 0.1;  // the regularization if no class has a sample to hold out
  /// Of the standardisation: above 0, features that hardly vary get no large weights, which a
  /// training of the layers before them would turn into large errors.
  double epsilon = 0;
};

/// A linear classifier of features: logits = weight * features + bias, as a Linear layer computes.
struct LogisticRegression {
  int classes = 0, features = 0;
  std::vector<float> weight;  // (classes, features), as of a Linear
  std::vector<float> bias;    // (classes)
  double regularization = 0;
  double loss = 0;        // mean cross-entropy of the training samples, without the penalty
  bool chosen = false;    // whether held-out samples chose the regularization
  int iterations = 0;     // of the last fit
  bool converged = true;  // false: `iterations` were not enough for `tolerance`
};

}  // namespace frostline

namespace frostline::detail {

/// Eigen computes with one thread in this scope: its threads wait for each other by spinning, which
/// takes many times as long where another program also wants the processors.
class OneEigenThread {
 public:
  OneEigenThread() { Eigen::setNbThreads(1); }
  ~OneEigenThread() { Eigen::setNbThreads(before_); }
  OneEigenThread(const OneEigenThread&) = delete;
  OneEigenThread& operator=(const OneEigenThread&) = delete;

 private:
  int before_ = Eigen::nbThreads();
};

/// The regularised loss of a linear classifier on standardised features:
///
///     mean over samples of cross-entropy + regularization / 2 * sum of squares of the weights
///
/// The biases are not penalised. Coefficients: weights (classes, features), then biases (classes).
class LogisticLoss {
 public:
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  LogisticLoss(const FeatureRows& rows, std::span<const std::size_t> samples, int classes,
               double epsilon = 0)
      : rows_(&rows), samples_(samples), classes_(classes), standard_(rows, samples, epsilon) {}

  std::size_t coefficients() const {
    return std::size_t(classes_) * std::size_t(rows_->features + 1);
  }

  /// The loss; assigns its gradient. Shapes: both (coefficients()).
  double operator()(const double* coefficients, double* gradient, double regularization) const {
    const Eigen::Map<const Matrix> weight(coefficients, classes_, rows_->features);
    const Eigen::Map<const Eigen::RowVectorXd> bias(coefficients + weight.size(), classes_);
    Eigen::Map<Matrix> d_weight(gradient, classes_, rows_->features);
    Eigen::Map<Eigen::RowVectorXd> d_bias(gradient + weight.size(), classes_);
    d_weight = regularization * weight;
    d_bias.setZero();
    double loss = 0;
    const double count = double(samples_.size());
    for_each_block([&](const Matrix& x, std::span<const int> labels) {
      Matrix p = x * weight.transpose();  // (block, classes): logits, then probabilities
      p.rowwise() += bias;
      loss += softmax(p, labels) / count;
      for (std::size_t i = 0; i < labels.size(); ++i) p(Eigen::Index(i), labels[i]) -= 1;
      p /= count;
      d_weight.noalias() += p.transpose() * x;
      d_bias += p.colwise().sum();
    });
    return loss + regularization / 2 * weight.squaredNorm();
  }

  /// The mean cross-entropy of some samples, which may be others, without the penalty.
  double cross_entropy(const double* coefficients, std::span<const std::size_t> samples) const {
    const Eigen::Map<const Matrix> weight(coefficients, classes_, rows_->features);
    const Eigen::Map<const Eigen::RowVectorXd> bias(coefficients + weight.size(), classes_);
    double loss = 0;
    for_each_block(
        [&](const Matrix& x, std::span<const int> labels) {
          Matrix p = x * weight.transpose();
          p.rowwise() += bias;
          loss += softmax(p, labels) / double(samples.size());
        },
        samples);
    return loss;
  }

  /// The classifier of features that are not standardised.
  LogisticRegression folded(const double* coefficients) const {
    std::vector<double> all(coefficients, coefficients + this->coefficients());
    const auto [weight, bias] = std::pair(std::span(all).first(all.size() - std::size_t(classes_)),
                                          std::span(all).last(std::size_t(classes_)));
    standard_.fold(weight, bias);
    LogisticRegression result;
    result.classes = classes_;
    result.features = rows_->features;
    result.weight.assign(weight.begin(), weight.end());
    result.bias.assign(bias.begin(), bias.end());
    return result;
  }

 private:
  /// Calls action(standardised features, labels). Shapes: (block, features), (block).
  template <class Action>
  void for_each_block(Action action) const {
    for_each_block(action, samples_);
  }
  template <class Action>
  void for_each_block(Action action, std::span<const std::size_t> samples) const {
    const Eigen::Map<const Eigen::RowVectorXd> mean(standard_.mean.data(), rows_->features);
    const Eigen::Map<const Eigen::RowVectorXd> scale(standard_.scale.data(), rows_->features);
    rows_->for_each_block(samples, [&](const FeatureBatch& batch) {
      const Eigen::Map<const Floats> block(batch.features.data(), Eigen::Index(batch.labels.size()),
                                           rows_->features);
      const Matrix x = (block.cast<double>().rowwise() - mean).array().rowwise() * scale.array();
      action(x, batch.labels);
    });
  }
  /// Replaces logits by probabilities; returns the sum of the cross-entropies.
  static double softmax(Matrix& logits, std::span<const int> labels) {
    double loss = 0;
    for (Eigen::Index i = 0; i < logits.rows(); ++i) {
      auto row = logits.row(i);
      row.array() -= row.maxCoeff();
      const double log_of_sum = std::log(row.array().exp().sum());
      loss += log_of_sum - row(labels[std::size_t(i)]);
      row = (row.array() - log_of_sum).exp();
    }
    return loss;
  }

  const FeatureRows* rows_;
  std::span<const std::size_t> samples_;
  int classes_;
  Standardization standard_;
};

/// Coefficients in memory that is aligned as libLBFGS needs it, and their fit.
class LogisticFit {
 public:
  explicit LogisticFit(std::size_t size)
      : size_(size), values_(lbfgs_malloc(int(size)), &lbfgs_free) {
    if (!values_) throw std::bad_alloc();
    std::fill_n(values_.get(), size, 0.0);
  }
  const double* get() const { return values_.get(); }

  struct Outcome {
    int iterations;
    bool converged;
  };
  /// Minimises the loss from the coefficients as they are. Throws: Error if L-BFGS fails, and what
  /// fetching features throws.
  Outcome minimise(const LogisticLoss& loss, double regularization, double tolerance,
                   int iterations) {
    Run run{&loss, regularization, 0, {}};
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.m = 10;
    parameters.epsilon = tolerance;
    parameters.max_iterations = iterations;
    const int status = lbfgs(int(size_), values_.get(), nullptr, &Run::evaluate, &Run::progress,
                             &run, &parameters);
    if (run.failure) std::rethrow_exception(run.failure);
    // Rounding can hide the last improvements before the gradient is as small as it was asked to
    // be.
    const bool ended = status == LBFGS_SUCCESS || status == LBFGS_ALREADY_MINIMIZED ||
                       status == LBFGS_STOP || status == LBFGSERR_ROUNDING_ERROR ||
                       status == LBFGSERR_MAXIMUMLINESEARCH || status == LBFGSERR_WIDTHTOOSMALL ||
                       status == LBFGSERR_MINIMUMSTEP;
    if (status == LBFGSERR_OUTOFMEMORY) throw std::bad_alloc();
    if (!ended && status != LBFGSERR_MAXIMUMITERATION)
      throw Error(format_text("frostline: fit_logistic_regression failed: libLBFGS's status is {}",
                              status));
    return {run.iterations, ended};
  }

 private:
  struct Run {
    const LogisticLoss* loss;
    double regularization;
    int iterations;
    std::exception_ptr failure;  // an exception must not pass through libLBFGS, which is C

    static double evaluate(void* self, const double* x, double* gradient, int size, double) {
      auto& run = *static_cast<Run*>(self);
      try {
        if (!run.failure) return (*run.loss)(x, gradient, run.regularization);
      } catch (...) {
        run.failure = std::current_exception();
      }
      std::fill_n(gradient, size, 0.0);
      return 0;
    }
    static int progress(void* self, const double*, const double*, double, double, double, double,
                        int, int iteration, int) {
      auto& run = *static_cast<Run*>(self);
      run.iterations = iteration;
      return run.failure ? 1 : 0;
    }
  };

  std::size_t size_;
  std::unique_ptr<double, void (*)(double*)> values_;
};

/// Throws: Error unless the options make sense.
inline void check_options(const LogisticRegressionOptions& options) {
  std::vector<double> factors = options.candidates;
  factors.push_back(options.regularization.value_or(1));
  factors.push_back(options.without_choice);
  for (const double factor : factors)
    if (!(factor > 0 && std::isfinite(factor)))
      throw Error(format_text(
          "frostline: fit_logistic_regression requires positive, finite regularizations, got {}",
          factor));
  if (options.candidates.empty() && !options.regularization)
    throw Error("frostline: fit_logistic_regression requires a regularization, or candidates");
  if (!(options.epsilon >= 0 && std::isfinite(options.epsilon)))
    throw Error(format_text(
        "frostline: fit_logistic_regression requires a finite epsilon of at least 0, got {}",
        options.epsilon));
  if (!(options.tolerance > 0) || options.iterations < 1)
    throw Error(format_text(
        "frostline: fit_logistic_regression requires a positive tolerance and at least one "
        "iteration, got {} and {}",
        options.tolerance, options.iterations));
}

/// The labels. Throws: Error that names a sample whose label is no class or one of whose features
/// is not finite, or the classes that have no sample.
inline std::vector<int> checked_labels(const FeatureRows& rows, int classes) {
  if (classes < 2)
    throw Error(
        format_text("frostline: fit_logistic_regression requires two classes, got {}", classes));
  if (std::size_t(classes) * std::size_t(rows.features + 1) >
      std::size_t(std::numeric_limits<int>::max()))
    throw Error(format_text(
        "frostline: fit_logistic_regression cannot fit {} classes of {} features: libLBFGS counts "
        "coefficients by int",
        classes, rows.features));
  std::vector<int> labels;
  std::vector<std::size_t> counts(std::size_t(classes), 0);
  for (std::size_t i = 0; i < rows.samples; ++i) {
    const FeatureBatch sample = rows.gather(std::span(&i, 1));
    if (sample.labels.size() != 1 || sample.labels[0] < 0 || sample.labels[0] >= classes)
      throw Error(sample.labels.size() != 1
                      ? format_text("frostline: fit_logistic_regression requires one label per "
                                    "sample, got {}",
                                    sample.labels.size())
                      : format_text("frostline: fit_logistic_regression got the label {} of sample "
                                    "{} for {} classes",
                                    sample.labels[0], i, classes));
    for (std::size_t k = 0; k < sample.features.size(); ++k)
      if (!std::isfinite(sample.features[k]))
        throw Error(format_text(
            "frostline: fit_logistic_regression got a feature that is not finite: number {} of "
            "sample {} is {}",
            k, i, sample.features[k]));
    labels.push_back(sample.labels[0]);
    ++counts[std::size_t(labels.back())];
  }
  std::string empty;
  for (std::size_t c = 0; c < counts.size(); ++c)
    if (counts[c] == 0) empty += format_text("{}{}", empty.empty() ? "" : ", ", c);
  if (!empty.empty())
    throw Error(
        format_text("frostline: fit_logistic_regression got no sample of class(es) {} of 0 to {}",
                    empty, classes - 1));
  return labels;
}

/// The candidate with the least loss on held-out samples; nullopt if none can be held out.
inline std::optional<double> chosen_regularization(const FeatureRows& rows,
                                                   std::span<const int> labels, int classes,
                                                   const LogisticRegressionOptions& options) {
  const Split split = stratified_split(labels, options.held_out, options.seed);
  if (split.held_out.empty()) return std::nullopt;
  const LogisticLoss loss(rows, split.train, classes, options.epsilon);
  LogisticFit fit(loss.coefficients());  // each fit begins where the one before ended
  std::vector<double> candidates = options.candidates;
  std::sort(candidates.begin(), candidates.end(), std::greater<>());
  double best = candidates.front(), least = std::numeric_limits<double>::infinity();
  for (const double candidate : candidates) {
    // As exact as the candidate is small: the fit before is near the gradient of this penalty.
    const double roughly = std::min(1e-3, 0.03 * candidate);
    fit.minimise(loss, candidate, std::max(roughly, options.tolerance), options.iterations);
    const double held_out = loss.cross_entropy(fit.get(), split.held_out);
    if (held_out < least) {
      least = held_out;
      best = candidate;
    }
  }
  return best;
}

inline LogisticRegression fit_logistic_regression(const FeatureRows& rows, int classes,
                                                  const LogisticRegressionOptions& options) {
  check_options(options);
  const OneEigenThread one_thread;
  const std::vector<int> labels = checked_labels(rows, classes);
  std::optional<double> chosen;
  if (!options.regularization) chosen = chosen_regularization(rows, labels, classes, options);
  const double regularization =
      options.regularization.value_or(chosen.value_or(options.without_choice));
  const std::vector<std::size_t> all = in_order(rows.samples);
  const LogisticLoss loss(rows, all, classes, options.epsilon);
  LogisticFit fit(loss.coefficients());
  const auto outcome = fit.minimise(loss, regularization, options.tolerance, options.iterations);
  LogisticRegression result = loss.folded(fit.get());
  result.regularization = regularization;
  result.loss = loss.cross_entropy(fit.get(), all);
  result.chosen = chosen.has_value();
  result.iterations = outcome.iterations;
  result.converged = outcome.converged;
  return result;
}

}  // namespace frostline::detail

namespace frostline {

/// Multinomial logistic regression with an L2 penalty, which has one optimum, found by L-BFGS: the
/// weights that minimise, on features that are standardised (mean 0, deviation 1 without
/// `epsilon`),
///
///     mean cross-entropy + regularization / 2 * sum of squares of the weights
///
/// The biases are not penalised; scikit-learn's C is 1 / (regularization * samples). The
/// standardisation is folded into the result, so that a Linear with it takes features as they are.
/// A constant feature gets weights of 0. If no regularization is given, a part of each class's
/// samples chooses one, and the result is then fitted to all samples. A class with one sample stays
/// in training; if all are such, `without_choice` is taken.
/// Shapes: features (samples, n), labels (samples). Throws: Error if there are fewer than two
/// classes, a label is none of them, a class has no sample, a feature is not finite (the text names
/// the sample), or an option makes no sense.
/// Source: https://scikit-learn.org/stable/modules/linear_model.html#multinomial-case; Liu and
/// Nocedal 1989, https://www.chokkan.org/software/liblbfgs/
inline LogisticRegression fit_logistic_regression(std::span<const float> features,
                                                  std::span<const int> labels, int classes,
                                                  const LogisticRegressionOptions& options = {}) {
  if (labels.empty() || features.empty() || features.size() % labels.size() != 0)
    throw Error(detail::format_text(
        "frostline: fit_logistic_regression requires as many features for each of its samples, got "
        "{} features and {} labels",
        features.size(), labels.size()));
  const std::size_t each = features.size() / labels.size();
  std::vector<float> gathered;
  std::vector<int> truth;
  return detail::fit_logistic_regression({.samples = labels.size(),
                                          .features = int(each),
                                          .gather =
                                              [&](std::span<const std::size_t> samples) {
                                                gathered.clear();
                                                truth.clear();
                                                for (const std::size_t i : samples) {
                                                  const auto row = features.subspan(i * each, each);
                                                  gathered.insert(gathered.end(), row.begin(),
                                                                  row.end());
                                                  truth.push_back(labels[i]);
                                                }
                                                return detail::FeatureBatch{gathered, truth};
                                              }},
                                         classes, options);
}

/// The same with a full cache of features, which may be in a file: 256 samples are in memory at
/// once. Throws: Error as above, and if the cache is not full.
inline LogisticRegression fit_logistic_regression(FeatureCache& cache, int classes,
                                                  const LogisticRegressionOptions& options = {}) {
  return detail::fit_logistic_regression(detail::rows_of(cache), classes, options);
}

}  // namespace frostline
