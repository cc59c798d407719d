"""The oracle: somebody's function held against npseg's.

From the ground up: a :class:`~npseg.check.oracle.cases.Case` is one call, `draws` and the files of domains draw such
calls, `arrays` carries them into the candidate's library and back, and a `signature` says how the candidate is called.
A `question` puts these together; `trial` asks it, `judge` compares, and `diagnosis` looks whether a usual mistake, of
`mistakes`, answers as the candidate does. `against` is the one call that does all of it. `vectors` and `outputs` are
for kernels that Python cannot call, `apart` and `folders` for code that one would rather run in another process.
"""
