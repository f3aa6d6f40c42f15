"""The collector of `feed_collector`, with a Parquet store that files its rows again and again."""

from stores import feed_collector

from llmobserve_server.store.parquet import engine

if __name__ == "__main__":
    engine.MOST_UNFILED = 150
    feed_collector.main()
