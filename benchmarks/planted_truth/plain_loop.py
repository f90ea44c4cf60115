"""The peer of the learning loop: PPO on masks in plain torch, for one problem and one reward.

Shape letters: E episodes, D decisions, K candidates per decision, F descriptors, N candidates.
"""

import numpy as np
import torch
from torch import nn

from envs import SelectionProblem
from rlsel.algorithms.build import MAX_GRAD_NORM
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.controllers import Controller


def learn_plainly(
    problem: SelectionProblem,
    controller: Controller,
    worths,
    config: AlgorithmConfig,
    seed: int,
) -> np.ndarray:
    """(N,) keep probabilities after `config.iterations` of PPO with our default settings.

    Args:
        worths: (E, N) masks -> (E,) rewards.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(controller.parameters(), lr=config.lr, weight_decay=0.0)
    num_episodes = config.episodes
    observations: list[dict[str, torch.Tensor]] = []
    for iteration in range(config.iterations):
        optimizer.param_groups[0]["lr"] = config.lr * (1 - iteration / config.iterations)
        kept_EN = torch.zeros(num_episodes, problem.num_candidates)
        observations, actions, logits, advantages = [], [], [], []
        for decision, places in enumerate(problem.batches_DK):
            places_K = torch.from_numpy(places)
            observation = _observe(problem, decision, places_K, kept_EN)
            with torch.no_grad():
                logits_EK, _ = controller(observation)
            action_EK = torch.bernoulli(torch.sigmoid(logits_EK))
            chosen_EN = torch.zeros_like(kept_EN)
            chosen_EN[:, places_K] = action_EK
            reward_E = torch.as_tensor(worths(chosen_EN.numpy() > 0), dtype=torch.float32)
            kept_EN = kept_EN + chosen_EN
            observations.append(observation)
            actions.append(action_EK)
            logits.append(logits_EK)
            advantages.append(reward_E - reward_E.mean())
        seen = {name: torch.cat([one[name] for one in observations]) for name in observations[0]}
        action_BK, old_BK, advantage_B = (torch.cat(x) for x in (actions, logits, advantages))
        advantage_B = advantage_B / advantage_B.std(correction=0).clamp(min=1e-8)
        for _ in range(config.num_epochs):
            for rows in torch.randperm(len(advantage_B)).split(config.minibatch_size):
                new_BK, _ = controller({name: values[rows] for name, values in seen.items()})
                loss = _clipped_loss(
                    new_BK, old_BK[rows], action_BK[rows], advantage_B[rows, None], config.clip
                )
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(controller.parameters(), MAX_GRAD_NORM)
                optimizer.step()
    probability_N = np.zeros(problem.num_candidates)
    for observation, places in zip(observations, problem.batches_DK, strict=True):
        with torch.no_grad():
            probability_N[places] = torch.sigmoid(controller(observation)[0]).mean(0).numpy()
    return probability_N


def _observe(
    problem: SelectionProblem, decision: int, places_K: torch.Tensor, kept_EN: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What the controller sees of one decision in all episodes."""
    num_episodes = len(kept_EN)
    labels_N = torch.from_numpy(problem.labels_N)
    descriptors_NF = torch.from_numpy(problem.descriptors_NF)
    onehot_NC = torch.eye(problem.num_classes)[labels_N]
    share_EC = kept_EN @ onehot_NC / onehot_NC.sum(0)
    mean_EF = kept_EN @ descriptors_NF / kept_EN.sum(1, keepdim=True).clamp(min=1)
    return {
        "candidates": descriptors_NF[places_K].expand(num_episodes, -1, -1),
        "labels": labels_N[places_K].expand(num_episodes, -1),
        "valid": torch.ones(num_episodes, len(places_K)),
        "decision": torch.eye(problem.num_decisions)[decision].expand(num_episodes, -1),
        "kept": torch.cat((share_EC, mean_EF), dim=1),
    }


def _clipped_loss(
    new_BK: torch.Tensor,
    old_BK: torch.Tensor,
    action_BK: torch.Tensor,
    advantage_B1: torch.Tensor,
    clip: float,
) -> torch.Tensor:
    """PPO's loss with the ratio of each candidate's decision clipped."""
    bernoulli = nn.functional.binary_cross_entropy_with_logits
    log_ratio_BK = bernoulli(old_BK, action_BK, reduction="none")
    log_ratio_BK = log_ratio_BK - bernoulli(new_BK, action_BK, reduction="none")
    ratio_BK = log_ratio_BK.exp()
    clipped_BK = ratio_BK.clamp(1 - clip, 1 + clip)
    return -torch.minimum(advantage_B1 * ratio_BK, advantage_B1 * clipped_BK).mean()
