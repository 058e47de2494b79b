"""What stands in on a bare GPU machine for libraries that are missing there: found last, so whatever is installed wins.

`runners.gpu_evidence` puts this folder at the end of `sys.path`; nothing else in this project looks here.
"""
