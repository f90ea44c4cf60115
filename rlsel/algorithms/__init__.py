"""Learning to choose: RLlib's PPO around the environment and a controller.

In: a `SelectionProblem`, the reward to train on, the reward to choose checkpoints by. Out: the
keep probability of every candidate. Read `train.py` first, then `learner.py` for the loss.
"""
