"""The whole product: an application, the collector, its API and its pages."""
