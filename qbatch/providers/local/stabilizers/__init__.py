"""Clifford circuits of any width: which outcomes there are, exactly, and samples of them.

Rules: which circuits come here is a rule of the plan (`method.choose_library`). What a Clifford
circuit makes of |0…0> has equally likely outcomes, which are an origin plus any sum of some
directions, bit by bit without carry. Put into reduced form these two are unique, so whoever
computes them finds the same, bit for bit; and the n-th direction in or out is the n-th binary
digit of an outcome's place in ascending order, so shots are drawn as they are from probabilities
(`sampling`): shot i is made of the i-th number, whatever it is bought in.
"""
