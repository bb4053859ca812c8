"""The models, losses and metrics once more: in plain float64 numpy, to be read beside the paper.

Nothing here is fast, nothing is shared with the library, and every map is kept. Arrays go by the
names of the library's parameters, and every function takes one clip, without a batch.

A clip is an array (channel, frame, row, col). Its tokens are an array (token, dim): the class
token, then the patches of every frame, as `token_of` counts them.
"""
