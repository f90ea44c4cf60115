"""A HistoGAN-style conditional GAN. The layers of the original are not public, so ours differ.

In: the real training images and their classes. Out: images of a class from noise. Read `train.py`
first. `networks.py` is the model from top to bottom, `layers.py` has the layers that torch lacks,
`augment.py` the augmentation before the discriminator, `losses.py` the adversarial losses.
"""
