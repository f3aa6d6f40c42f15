"""Web applications: each request is a run, named by its route, for the customer that the application says."""
