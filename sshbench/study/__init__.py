"""The human study: which method people prefer, from a folder of results to tables with intervals."""
