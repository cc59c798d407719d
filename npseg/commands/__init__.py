"""What the commands do, a module for each: datasets, runs, labellers and pictures put together."""
