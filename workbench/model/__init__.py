"""What is said: experiments, plans, steps, records, and what each kind of adapter must offer.

Data only: nothing here opens a file or a socket, or starts a program.
"""
