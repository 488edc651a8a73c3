"""KServe's own client against a server of this project: `make kserve` installs the client under build/.

Where it is not installed these tests skip: its dependencies are many, and no part of `make setup`.
"""
