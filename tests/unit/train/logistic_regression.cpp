// SPDX-License-Identifier: MIT
// fit_logistic_regression: gradients, optima, degenerate data, and the fit in a network.
#include "frostline/train/logistic_regression.hpp"

#include <limits>

#include "frostline/frostline.hpp"
#include "support/catch.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"
#include "support/random.hpp"

namespace frostline::test::logistic_regression_test {
namespace {

constexpr int width = 7, count = 3;  // features, classes
constexpr std::size_t samples = 40;

/// Features of very different sizes, and labels of which each occurs.
struct Problem {
  std::vector<float> features = random_floats(samples * width);
  std::vector<int> labels = random_labels(samples, count);
  Problem() {
    for (std::size_t i = 0; i < features.size(); ++i)
      features[i] = 100 * float(i % width) + features[i] * (i % width == 2 ? 1000.0f : 0.5f);
    for (int c = 0; c < count; ++c) labels[std::size_t(c)] = c;
  }
};

/// The loss, computed sample by sample, of a classifier of features as they are.
double cross_entropy(const LogisticRegression& fit, std::span<const float> features,
                     std::span<const int> labels) {
  double loss = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<double> logits(fit.bias.begin(), fit.bias.end());
    const auto n = std::size_t(fit.features);
    double sum = 0;
    for (std::size_t c = 0; c < logits.size(); ++c) {
      for (std::size_t k = 0; k < n; ++k)
        logits[c] += double(fit.weight[c * n + k]) * double(features[i * n + k]);
    }
    for (const double logit : logits) sum += std::exp(logit);
    loss += (std::log(sum) - logits[std::size_t(labels[i])]) / double(labels.size());
  }
  return loss;
}

FeatureRows rows_of(const Problem& problem, std::vector<float>& features,
                    std::vector<int>& labels) {
  return {samples, width, [&](std::span<const std::size_t> indices) {
            features.clear();
            labels.clear();
            for (const std::size_t i : indices) {
              const auto first = problem.features.begin() + std::ptrdiff_t(i * width);
              features.insert(features.end(), first, first + width);
              labels.push_back(problem.labels[i]);
            }
            return FeatureBatch{features, labels};
          }};
}

}  // namespace

TEST_CASE("the gradient of the logistic loss is that of its differences") {
  const Problem problem;
  std::vector<float> features;
  std::vector<int> labels;
  const FeatureRows rows = rows_of(problem, features, labels);
  const std::vector<std::size_t> all = in_order(samples);
  const LogisticLoss loss(rows, all, count);
  std::vector<double> at, gradient(loss.coefficients()), unused(loss.coefficients());
  for (std::size_t i = 0; i < loss.coefficients(); ++i) at.push_back(double(uniform()));
  constexpr double penalty = 0.3, step = 1e-5;
  loss(at.data(), gradient.data(), penalty);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double x = at[i];
    at[i] = x + step;
    const double above = loss(at.data(), unused.data(), penalty);
    at[i] = x - step;
    const double below = loss(at.data(), unused.data(), penalty);
    at[i] = x;
    CHECK(std::abs((above - below) / (2 * step) - gradient[i]) < 1e-8);
  }
}

TEST_CASE("logistic regression finds an optimum that is known") {
  // Of the feature -1 in class 0 and 1 in class 1, the weights -u and u are the best if
  // u = 1 / (regularization * (1 + exp(2 u))). Here u is 1, and the feature is 5 + 2 x.
  const std::vector<float> features{3, 7, 7, 3};
  const std::vector<int> labels{0, 1, 1, 0};
  LogisticRegressionOptions options;
  options.regularization = 1 / (1 + std::exp(2.0));
  options.tolerance = 1e-9;
  const LogisticRegression fit = fit_logistic_regression(features, labels, 2, options);
  CHECK(std::abs(fit.weight[0] + 0.5f) < 1e-6f);
  CHECK(std::abs(fit.weight[1] - 0.5f) < 1e-6f);
  CHECK(std::abs(fit.bias[1] - fit.bias[0] + 5) < 1e-5f);
  CHECK(std::abs(fit.loss - std::log(1 + std::exp(-2.0))) < 1e-9);
  CHECK(fit.converged);
  CHECK(!fit.chosen);
}

TEST_CASE(
    "no small change of the coefficients lowers the penalised loss of a logistic regression") {
  const Problem problem;
  LogisticRegressionOptions options;
  options.regularization = 0.05;
  options.tolerance = 1e-7;
  std::vector<float> features;
  std::vector<int> labels;
  const FeatureRows rows = rows_of(problem, features, labels);
  const std::vector<std::size_t> all = in_order(samples);
  const LogisticLoss loss(rows, all, count);
  LogisticFit fit(loss.coefficients());
  fit.minimise(loss, 0.05, 1e-7, 1000);
  std::vector<double> gradient(loss.coefficients());
  const double least = loss(fit.get(), gradient.data(), 0.05);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<double> other(fit.get(), fit.get() + loss.coefficients());
    for (double& x : other) x += 1e-2 * double(uniform());
    CHECK(loss(other.data(), gradient.data(), 0.05) > least);
  }
  // The standardisation is folded in: the result gives the same loss on the features as they are.
  const LogisticRegression folded =
      fit_logistic_regression(problem.features, problem.labels, count, options);
  CHECK(std::abs(folded.loss - loss.cross_entropy(fit.get(), all)) < 1e-6);
  CHECK(std::abs(folded.loss - cross_entropy(folded, problem.features, problem.labels)) < 1e-4);
}

TEST_CASE("logistic regression gives features that do not vary no weight") {
  Problem problem;
  for (std::size_t i = 0; i < samples; ++i) {
    problem.features[i * width + 1] = 0.1f;
    problem.features[i * width + 4] = 1 + 1e-7f * float(i % 2);  // rounding
    problem.features[i * width + 5] = 0;
  }
  const LogisticRegression fit = fit_logistic_regression(problem.features, problem.labels, count);
  for (std::size_t i = 0; i < fit.weight.size(); ++i) {
    const std::size_t k = i % width;
    CHECK((fit.weight[i] == 0) == (k == 1 || k == 4 || k == 5));
    CHECK(std::isfinite(fit.weight[i]));
  }
  const std::vector<float> nothing(samples, 3);  // then only the classes' shares count
  const LogisticRegression shares = fit_logistic_regression(nothing, problem.labels, count);
  const double ones = double(std::count(problem.labels.begin(), problem.labels.end(), 1));
  const double zeros = double(std::count(problem.labels.begin(), problem.labels.end(), 0));
  CHECK(std::abs(double(shares.bias[1] - shares.bias[0]) - std::log(ones / zeros)) < 1e-3);
}

TEST_CASE("with an epsilon, features that hardly vary get no large weights") {
  const Problem problem;
  std::vector<float> features = random_floats(samples * width);
  for (std::size_t i = 0; i < samples; ++i) features[i * width + 2] *= 1e-3f;
  const auto largest = [&](double epsilon) {
    LogisticRegressionOptions options;
    options.regularization = 0.01;
    options.epsilon = epsilon;
    const LogisticRegression fit =
        fit_logistic_regression(features, problem.labels, count, options);
    CHECK(std::abs(fit.loss - cross_entropy(fit, features, problem.labels)) < 1e-3);
    float result = 0;
    for (std::size_t k = 2; k < fit.weight.size(); k += width)
      result = std::max(result, std::abs(fit.weight[k]));
    return result;
  };
  CHECK(largest(0) > 50);
  CHECK(largest(0.01) < 5);
  const std::vector<float> rows{1, 10, 3, 30, 5, 10, 7, 30};
  const detail::FeatureRows four{4, 2, [&](std::span<const std::size_t> indices) {
                                   static std::vector<int> labels(4);
                                   REQUIRE(indices.size() == 4);
                                   return detail::FeatureBatch{rows, labels};
                                 }};
  const Standardization standard(four, detail::in_order(4), 0.5);  // variances 5 and 100
  CHECK(std::abs(standard.scale[0] - 1 / std::sqrt(5 + 0.5 * 52.5)) < 1e-12);
  CHECK(std::abs(standard.scale[1] - 1 / std::sqrt(100 + 0.5 * 52.5)) < 1e-12);
}

TEST_CASE("held-out samples choose the regularization, unless each class has one sample") {
  const std::vector<float> two{1, 2, 5, 3, 8, 1};
  const LogisticRegression few = fit_logistic_regression(two, std::vector{2, 0, 1}, 3);
  CHECK(!few.chosen);
  CHECK(few.regularization == 0.1);
  CHECK(few.converged);
  // Labels that features give away, one for each class, want a small one.
  Problem problem;
  constexpr std::size_t given[]{0, 1, 3};
  for (std::size_t i = 0; i < samples; ++i)
    problem.features[i * width + given[std::size_t(problem.labels[i])]] += 10;
  const LogisticRegression clear = fit_logistic_regression(problem.features, problem.labels, count);
  CHECK(clear.chosen);
  CHECK(clear.regularization <= 0.01);
  CHECK(clear.loss < 0.05);
}

TEST_CASE("logistic regression refuses what has no answer, and names it") {
  Problem problem;
  const auto fit = [&](int classes, const LogisticRegressionOptions& options = {}) {
    return fit_logistic_regression(problem.features, problem.labels, classes, options);
  };
  REQUIRE_ERROR(fit(1), "requires two classes, got 1");
  REQUIRE_ERROR(fit(5), "got no sample of class(es) 3, 4 of 0 to 4");
  REQUIRE_ERROR(fit(2), "got the label 2 of sample");
  LogisticRegressionOptions options;
  options.regularization = 0;
  REQUIRE_ERROR(fit(count, options), "positive, finite regularizations");
  options.regularization.reset();
  options.candidates.clear();
  REQUIRE_ERROR(fit(count, options), "a regularization, or candidates");
  options = {};
  options.tolerance = std::nan("");
  REQUIRE_ERROR(fit(count, options), "positive tolerance");
  options = {};
  options.epsilon = -1;
  REQUIRE_ERROR(fit(count, options), "a finite epsilon of at least 0, got -1");
  for (const float special : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    problem.features[9 * width + 2] = special;
    REQUIRE_ERROR(fit(count), "number 2 of sample 9 is");
  }
  problem.features.pop_back();
  REQUIRE_ERROR(fit(count), "as many features for each of its samples");
}

TEST_CASE("a network with the weights of a logistic regression has its loss") {
  using Model = ReplaceHead<
      Freeze<Module<Named<"conv", Conv2d<3, width, 3>>, Head<ClassifierHead<width, 2>>>>,
      ClassifierHead<width, AtMost<9>>>;
  constexpr Shape shape{3, 8, 8};
  Network<Model, Input<3, 8, 8>> network{max_batch(8), classes(count), seed(random_engine()())};
  const std::vector<float> images = random_floats(samples * shape.size());
  const std::vector<int> labels = Problem().labels;
  FeatureCache cache{network, samples};
  REQUIRE_ERROR(fit_logistic_regression(cache, count), "a full feature cache is required");
  cache.append(images, labels);
  const LogisticRegression fit = fit_logistic_regression(cache, count);
  network.write(network.tensor("fc.weight"), std::span<const float>(fit.weight));
  network.write(network.tensor("fc.bias"), std::span<const float>(fit.bias));
  Trainer trainer{network, CrossEntropy{}, Sgd{}};
  CHECK(std::abs(trainer.evaluate(images, labels).loss() - fit.loss) < 1e-4);
}

}  // namespace frostline::test::logistic_regression_test
