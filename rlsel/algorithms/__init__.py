"""Learning to choose: PPO and REINFORCE, on RLlib, around the environment and a controller.

In: a `Task`, the problem, what pays and what chooses among checkpoints. Out: the keep probability
of every candidate. Read `train.py` first; `advantages.py` says what a decision is paid, and
`learner.py` has the loss.
"""
