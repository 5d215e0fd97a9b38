"""ONNX graphs of a trained network and of its front end, and what other programs expect of them."""
