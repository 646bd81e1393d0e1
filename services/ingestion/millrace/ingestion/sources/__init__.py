"""What ingestion fetches by itself: crawls, files, SQL."""
