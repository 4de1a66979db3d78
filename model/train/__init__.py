"""The stages of training, in order: encoder, autoencoder, latents, denoiser (slices, then coordination), renderer.

Each is `python -m stillwave.model.train.STAGE`; each resumes from its own checkpoint.
"""
