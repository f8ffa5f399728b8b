"""An AWS account for the pipeline: what ``openaq-assets deploy`` changes in it, and what ``doctor`` finds."""
