"""What stands between the network and the framework: which requests pass, how large, how slow and how many."""
