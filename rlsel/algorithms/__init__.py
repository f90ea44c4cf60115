"""Learning to choose: PPO and REINFORCE, on RLlib, around the environment and a controller.

In: a `Task`, which is the problem, its reward, and the score that chooses among iterations. Out:
the keep probability of every candidate. Read `train.py` first. `advantages.py` turns rewards into
advantages, and `learner.py` has the loss.
"""
