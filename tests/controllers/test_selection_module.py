"""What RLlib sees of a controller: a policy of independent keep decisions, and a value."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from small_controllers import CONFIGS, POSITIONS, controller
from torch import Tensor

from envs import SampleSelectionEnv
from rlsel.controllers.controller import DISCARD_LOGIT
from rlsel.controllers.rl_module import IndependentBernoulli, SelectionModule

LOGITS_BK = torch.tensor([[-3.0, -0.5, 0.0, 1.5, DISCARD_LOGIT], [8.0, -8.0, 0.25, 2.0, -1.0]])
OTHER_BK = torch.tensor([[1.0, -0.5, 0.5, -1.5, DISCARD_LOGIT], [7.0, -9.0, 0.0, 2.5, 1.0]])
VALUES_BK = torch.tensor([[0, 1, 1, 0, 0], [1, 0, 0, 1, 1]], dtype=torch.int8)


def bernoulli(logit: Tensor) -> torch.distributions.Bernoulli:
    return torch.distributions.Bernoulli(logits=logit.double())


def on_each(function) -> Tensor:
    """A (2, 5) tensor of what `function` says of each place, with padding left out as 0."""
    out_BK = torch.zeros((2, 5), dtype=torch.float64)
    for b, k in np.ndindex(2, 5):
        if LOGITS_BK[b, k] > DISCARD_LOGIT:
            out_BK[b, k] = function(b, k)
    return out_BK


def distribution_of(logits_BK: Tensor) -> Any:
    """Any, because RLlib's annotations know only its own base classes and TensorFlow."""
    return IndependentBernoulli.from_logits(logits_BK)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def distribution() -> Any:
    return distribution_of(LOGITS_BK)


def test_log_probabilities_are_those_of_a_bernoulli_for_each_candidate(
    distribution: Any,
) -> None:
    expected_BK = on_each(lambda b, k: bernoulli(LOGITS_BK[b, k]).log_prob(VALUES_BK[b, k] * 1.0))

    close(distribution.logp_per_candidate(VALUES_BK), expected_BK)
    close(distribution.logp(VALUES_BK), expected_BK.sum(-1))


def test_entropy_is_the_sum_of_those_of_the_candidates(distribution: Any) -> None:
    close(
        distribution.entropy(), on_each(lambda b, k: bernoulli(LOGITS_BK[b, k]).entropy()).sum(-1)
    )


def test_kl_is_the_sum_of_those_of_the_candidates(distribution: Any) -> None:
    other = distribution_of(OTHER_BK)

    expected_BK = on_each(
        lambda b, k: torch.distributions.kl_divergence(
            bernoulli(LOGITS_BK[b, k]), bernoulli(OTHER_BK[b, k])
        )
    )

    close(distribution.kl(other), expected_BK.sum(-1))
    assert not distribution.kl(distribution).any()


def test_kl_between_saturated_policies_is_finite() -> None:
    # In float32 the probability of a logit of 20 rounds to 1.
    one, other = (distribution_of(torch.tensor([[value, DISCARD_LOGIT]])) for value in (0.0, 20.0))

    # log 1/2 - (log p(keep) + log p(discard)) / 2 = 10 - log 2.
    assert one.kl(other).item() == pytest.approx(10 - np.log(2), rel=1e-4)
    assert torch.isfinite(other.kl(one)).all()


def test_padding_counts_for_exactly_nothing(distribution: Any) -> None:
    padding = distribution_of(torch.full((1, 3), DISCARD_LOGIT))

    assert not padding.logp_per_candidate(torch.zeros((1, 3), dtype=torch.int8)).any()
    assert not padding.entropy().any()
    assert not padding.kl(padding).any()


def test_padding_is_never_sampled_and_gradients_stay_finite() -> None:
    logits_BK = LOGITS_BK.clone().requires_grad_()
    distribution = distribution_of(logits_BK)

    samples_SBK = distribution.sample(sample_shape=torch.Size([501]))
    (distribution.logp(samples_SBK[0]).sum() + distribution.entropy().sum()).backward()

    assert samples_SBK.dtype == torch.int8
    assert not samples_SBK[:, 0, 4].any()
    assert logits_BK.grad is not None
    assert torch.isfinite(logits_BK.grad).all()


def test_samples_are_as_frequent_as_their_probability() -> None:
    torch.manual_seed(0)
    distribution = distribution_of(torch.tensor([[-1.0, 0.0, 1.0]]))

    share_K = distribution.sample(sample_shape=torch.Size([4001])).float().mean((0, 1))

    expected_K = torch.sigmoid(torch.tensor([-1.0, 0.0, 1.0]))
    assert ((share_K - expected_K).abs() < 4 * 0.5 / 4001**0.5).all()


def test_the_deterministic_policy_keeps_what_is_more_likely_kept(
    distribution: Any,
) -> None:
    kept_BK = distribution.to_deterministic().sample()

    assert kept_BK.tolist() == [[0, 0, 0, 1, 0], [1, 0, 1, 1, 0]]


@pytest.fixture(params=[(name, positions) for name in CONFIGS for positions in POSITIONS], ids=str)
def module(request: pytest.FixtureRequest) -> Any:
    env = SampleSelectionEnv()
    name, positions = request.param
    return RLModuleSpec(
        module_class=SelectionModule,
        observation_space=env.observation_space,
        action_space=env.action_space,
        model_config={"build": partial(controller, name, positions, env.problem)},
    ).build()


@pytest.fixture
def batch() -> dict:
    """The observations of one episode of the phantom, padding included."""
    env = SampleSelectionEnv()
    observations = [env.reset()[0]]
    rng = np.random.default_rng(0)
    while len(observations) < env.problem.num_decisions:
        observations.append(env.step(rng.integers(0, 2, 8).astype(np.int8))[0])
    stacked = {
        name: torch.from_numpy(np.stack([each[name] for each in observations]))
        for name in observations[0]
    }
    return {Columns.OBS: stacked}


def rolled_out(module: Any, batch: dict) -> dict:
    """What an env runner adds to a batch: it draws where the module has not drawn by itself."""
    module.eval()
    with torch.no_grad():
        out = module.forward_exploration(batch)
    drawn = distribution_of(out[Columns.ACTION_DIST_INPUTS])
    actions_BK = out.get(Columns.ACTIONS, drawn.sample())
    logp_B = out.get(Columns.ACTION_LOGP, drawn.logp(actions_BK))
    return batch | out | {Columns.ACTIONS: actions_BK, Columns.ACTION_LOGP: logp_B}


def test_log_probabilities_in_rollouts_and_in_training_are_equal_to_the_last_bit(
    module: Any, batch: dict
) -> None:
    rollout = rolled_out(module, batch)

    module.train()
    logits_BK = module.forward_train(rollout)[Columns.ACTION_DIST_INPUTS]

    new = distribution_of(logits_BK)
    assert logits_BK.requires_grad
    assert torch.equal(logits_BK, rollout[Columns.ACTION_DIST_INPUTS])
    assert torch.equal(new.logp(rollout[Columns.ACTIONS]), rollout[Columns.ACTION_LOGP])


def test_there_is_one_value_a_row_with_and_without_embeddings(module: Any, batch: dict) -> None:
    rollout = rolled_out(module, batch)
    embeddings = module.forward_train(rollout)[Columns.EMBEDDINGS]

    values_B = module.compute_values(rollout)

    assert values_B.shape == (8,)
    torch.testing.assert_close(module.compute_values(rollout, embeddings=embeddings), values_B)


def test_padding_is_never_kept_and_has_the_logit_that_says_so(module: Any, batch: dict) -> None:
    rollout = rolled_out(module, batch)

    padding_BK = batch[Columns.OBS]["valid"] == 0
    assert padding_BK.any()
    assert torch.equal(rollout[Columns.ACTION_DIST_INPUTS] == DISCARD_LOGIT, padding_BK)
    assert not rollout[Columns.ACTIONS][padding_BK].any()


def test_the_module_samples_from_independent_decisions(module: Any) -> None:
    assert module.get_exploration_action_dist_cls() is IndependentBernoulli
    assert module.get_train_action_dist_cls() is IndependentBernoulli
    assert IndependentBernoulli.required_input_dim(module.action_space) == 8
