"""A tiny app for the tests of the queue: its rows are files, so that any process can see them."""
