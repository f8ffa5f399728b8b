"""The AWS account of the pipeline: the changes of ``openaq-assets deploy`` and the findings of ``doctor``."""
