"""The human study: from a folder of results to tables of people's preferences with intervals."""
