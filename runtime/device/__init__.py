"""The path of runtime/animator.py on a CUDA device, a file a stage; and, below it, the device itself.

contract.py is what a device offers; cuda_device.py and pycuda_device.py fulfil it through two bindings, and
kernel_image.py finds or compiles the kernels. layout.py plans one block of memory, analysis.py samples a
motion in it, renderer.py and frame.py make frames, scene.py and stages.py hand them to the animator.
"""
