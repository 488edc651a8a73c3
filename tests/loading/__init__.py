"""Loading TorchScript files: the same model as torch.jit.load makes, or one sentence about the file."""
